//! Has cargo build the program again when a file comes or goes in the embedded folders: `rust-embed` tracks only those it knows.

fn main() {
    println!("cargo::rerun-if-changed=../../collectors/pg");
    println!("cargo::rerun-if-changed=../../findings/pg");
    println!("cargo::rerun-if-changed=../../collectors/postgres_exporter");
}
