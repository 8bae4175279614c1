//! What the README shows is what happens.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::World;

/// The script under a heading.
fn script(heading: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split(&format!("## {heading}\n")).nth(1).expect("the heading");
    section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_of_asking_and_using_does_what_it_says() {
    let world = World::start().await;
    let script = script("Asking and using").replace("http://127.0.0.1:3000", &world.url);
    let binary = Path::new(env!("CARGO_BIN_EXE_billhook")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let variables = world.variables();
    let run = move || Command::new("sh").args(["-euc", &script]).env_clear().envs(variables).env("PATH", path).output();
    let done = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    let (said, complained) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{said}{complained}");
    let answers: Vec<Value> =
        said.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    let [check, used, refused, after] = &answers[..] else { panic!("{said}{complained}") };
    assert_eq!(check["allowed"], true, "{said}");
    assert_eq!(used["meter"]["remaining"], 0);
    assert_eq!(refused["code"], "limit_reached");
    assert_eq!(refused["meter"]["unlockedBy"], "pro");
    assert_eq!(after["meter"]["remaining"], 1);
}
