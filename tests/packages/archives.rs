//! The archives, the sums, the lists of dependencies, the programs for other processors, and the image.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::built::{EXPORTERS, built, files, run, unpack, version};
use support::path;

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn sums_are_those_of_every_file() {
    let folder = built();
    run(Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&folder));
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let names: Vec<&str> = sums.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    for ending in [".deb", ".rpm", ".tar.gz"] {
        for file in files(&folder, &[ending]) {
            assert!(names.contains(&file.file_name().unwrap().to_str().unwrap()), "{}", file.display());
        }
    }
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn a_program_needs_nothing_but_itself() {
    let folder = tempfile::tempdir_in(path("target")).unwrap();
    unpack(folder.path());
    for (program, _) in EXPORTERS {
        let root = folder.path().join(format!("{program}-{}.linux-amd64", version()));
        let said = run(Command::new("/usr/sbin/chroot")
            .arg(&root)
            .arg(format!("/bin/{program}"))
            .arg("--version")
            .env_clear());
        assert!(said.starts_with(&format!("{program} {}", version())), "{said}");
    }
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn programs_for_arm64_run_in_an_emulator() {
    let folder = tempfile::tempdir_in(path("target")).unwrap();
    for (program, package) in EXPORTERS {
        let deb = built().join(format!("{package}_{}_arm64.deb", version()));
        assert!(deb.exists(), "no {}: make packages without ARCHITECTURES makes it", deb.display());
        run(Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(folder.path()));
        assert_eq!(run(Command::new("dpkg-deb").arg("--field").arg(&deb).arg("Architecture")), "arm64\n");
        let binary = folder.path().join("usr/bin").join(program);
        let said = run(Command::new("qemu-aarch64-static").arg(binary).arg("--version").env_clear());
        assert!(said.starts_with(&format!("{program} {}", version())), "{said}");
    }
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn lists_of_dependencies_name_what_is_compiled_in() {
    for (program, _) in EXPORTERS {
        let text = fs::read_to_string(built().join(format!("sbom/{program}.cdx.json"))).unwrap();
        assert!(!text.contains(path("").to_str().unwrap()), "{program}: the folder that it was made in");
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list["bomFormat"], "CycloneDX");
        assert_eq!(list["metadata"]["component"]["name"], program);
        let names: Vec<&str> =
            list["components"].as_array().unwrap().iter().filter_map(|c| c["name"].as_str()).collect();
        assert!(names.contains(&"tokio") && names.contains(&"rustls"), "{names:?}");
        assert_eq!(names.contains(&"tokio-postgres"), program != "pgbackrest-exporter");
        // Of tests only.
        assert!(!names.contains(&"tempfile") && !names.contains(&"vrl"), "{names:?}");
    }
}

#[test]
#[ignore = "needs packages: make packages, then make packages-test"]
fn an_image_has_one_program_and_runs_as_nobody_special() {
    let storage = tempfile::tempdir_in(path("target")).unwrap();
    for (program, _) in EXPORTERS {
        let layout = storage.path().join(program);
        let buildah = |args: &[&str]| {
            let mut command = Command::new("buildah");
            command.arg("--root").arg(storage.path().join("root")).arg("--runroot").arg(storage.path().join("run"));
            run(command.args(["--storage-driver=vfs"]).args(args))
        };
        let (file, context) = (path("packaging/Containerfile"), built());
        let (file, context) = (file.to_str().unwrap(), context.to_str().unwrap());
        let (program_arg, version_arg) = (format!("PROGRAM={program}"), format!("VERSION={}", version()));
        buildah(&[
            "build",
            "--isolation=chroot",
            "--quiet",
            "--file",
            file,
            "--build-arg",
            &program_arg,
            "--build-arg",
            &version_arg,
            "--tag",
            program,
            context,
        ]);
        let about: Value = serde_json::from_str(&buildah(&["inspect", "--type=image", program])).unwrap();
        let config = &about["OCIv1"]["config"];
        assert_eq!(config["User"], "65532:65532");
        assert_eq!(config["Entrypoint"], serde_json::json!(["/exporter"]));
        assert_eq!(config["Labels"]["org.opencontainers.image.title"], program);
        assert_eq!(config["Labels"]["org.opencontainers.image.version"], version());
        assert_eq!(config["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0");
        buildah(&["push", "--quiet", program, &format!("dir:{}", layout.display())]);
        assert!(only_layer(&layout).starts_with("LICENSE\nexporter\n"), "{}", only_layer(&layout));
    }
}

/// The names in the last layer of an image that was pushed into a folder.
fn only_layer(layout: &Path) -> String {
    let manifest: Value = serde_json::from_slice(&fs::read(layout.join("manifest.json")).unwrap()).unwrap();
    let names = manifest["layers"].as_array().unwrap().iter().map(|layer| {
        let digest = layer["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        run(Command::new("tar").arg("--list").arg("--file").arg(layout.join(digest)))
    });
    let mut names: Vec<String> = names.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    names.sort();
    names.join("\n") + "\n"
}
