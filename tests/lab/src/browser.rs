//! Chromium without a window: a page as a person's browser lays it out.
//!
//! It is driven by its DevTools protocol over two pipes, so that nothing listens and no driver is needed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::LabError;
use crate::folder::Folder;
use crate::process::Process;

/// No answer within this time is an error.
const LIMIT: Duration = Duration::from_secs(60);

/// A running browser. Dropping it ends it with all its processes.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Messages that came while an answer was waited for.
    events: Vec<Value>,
    last_id: u64,
    // Its profile, its log, and where it works, so that what is left of it ends with the folder.
    _folder: Folder,
}

/// A loaded page.
#[derive(Debug)]
pub struct Tab<'a> {
    browser: &'a mut Browser,
    session: String,
}

impl Browser {
    /// Starts it as the current user.
    pub fn start() -> Result<Browser, LabError> {
        let folder = Folder::new()?;
        let log = std::fs::File::create(folder.path().join("chromium.log"))
            .map_err(LabError::io(format!("creating a log in {}", folder.path().display())))?;
        // It reads commands from descriptor 3 and answers on 4.
        let mut command = Process::command("sh");
        command.args([
            "-c",
            "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
            "sh",
            "chromium",
            "--remote-debugging-pipe",
        ]);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]);
        command.args(["--no-first-run", "--disable-background-networking", "--disable-component-update"]);
        command.args(["--disable-sync", "--no-proxy-server", "--hide-scrollbars"]);
        command.arg(format!("--user-data-dir={}", folder.path().display())).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
        let mut child = command.spawn().map_err(LabError::io("starting chromium"))?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(LabError::Unexpected("chromium was started without pipes".into()));
        };
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0) {
                let message = message.ok().and_then(|message| serde_json::from_slice(&message).ok());
                // Nobody listens any more when the browser was dropped.
                if message.is_none_or(|message| sender.send(message).is_err()) {
                    return;
                }
            }
        });
        Ok(Browser { child, commands, messages, events: Vec::new(), last_id: 0, _folder: folder })
    }

    /// Loads a page as on a screen of that width in CSS pixels; below 600 it is a phone, which heeds `<meta name=viewport>`.
    pub fn open(&mut self, url: &str, width: u32) -> Result<Tab<'_>, LabError> {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", attach)?;
        let session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        let screen = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        let mut tab = Tab { browser: self, session };
        for (method, parameters) in [
            ("Page.enable", json!({})),
            ("Log.enable", json!({})),
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Page.navigate", json!({ "url": url })),
        ] {
            let answer = tab.call(method, parameters)?;
            if let Some(error) = answer["errorText"].as_str() {
                return Err(LabError::Unexpected(format!("loading {url} in chromium: {error}")));
            }
        }
        tab.browser.event("Page.loadEventFired", &tab.session)?;
        Ok(tab)
    }

    fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value, LabError> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let what = || format!("asking chromium for {method}");
        self.commands.write_all(format!("{message}\0").as_bytes()).map_err(LabError::io(what()))?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let mut answer = self.message(&what(), deadline)?;
            if answer["id"].as_u64() != Some(self.last_id) {
                self.events.push(answer);
            } else if answer["error"].is_null() {
                return Ok(answer["result"].take());
            } else {
                return Err(LabError::Unexpected(format!("{}: {}", what(), answer["error"])));
            }
        }
    }

    fn event(&mut self, method: &str, session: &str) -> Result<(), LabError> {
        let is_it = |event: &Value| event["method"] == method && event["sessionId"] == session;
        let deadline = Instant::now() + LIMIT;
        while !self.events.iter().any(is_it) {
            let event = self.message(&format!("waiting for chromium's {method}"), deadline)?;
            self.events.push(event);
        }
        Ok(())
    }

    fn message(&self, what: &str, deadline: Instant) -> Result<Value, LabError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.messages.recv_timeout(left).map_err(|error| LabError::Unexpected(format!("{what}: {error}")))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // With its pipe closed it would end, too; this is at once. Its children work in its folder.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Tab<'_> {
    /// The value of a JavaScript expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value, LabError> {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", parameters)?;
        if answer["exceptionDetails"].is_null() {
            return Ok(answer["result"]["value"].take());
        }
        Err(LabError::Unexpected(format!("evaluating {expression}: {}", answer["exceptionDetails"])))
    }

    /// What the browser has to complain of: what was refused, what could not be loaded.
    pub fn complaints(&self) -> Vec<String> {
        let is_it = |event: &&Value| event["method"] == "Log.entryAdded" && event["sessionId"] == self.session;
        let text = |event: &Value| event["params"]["entry"]["text"].as_str().unwrap_or_default().to_owned();
        self.browser.events.iter().filter(is_it).map(text).collect()
    }

    fn call(&mut self, method: &str, parameters: Value) -> Result<Value, LabError> {
        self.browser.call(Some(&self.session), method, parameters)
    }
}
