//! A network of its own for a test, and machines in it: network namespaces of Linux, which need no
//! rights of the system.

use std::process::Command;
use std::time::Duration;

use super::peer::{installed, left_out};
use super::running::{Input, Running};

/// Set for a test that runs in a network of its own.
const INSIDE: &str = "ZLOG_TEST_NETWORK";

/// Where the machines meet, and this process takes part.
const BRIDGE: &str = "ip link set lo up && ip link add br0 type bridge && \
                      ip addr add 10.0.0.254/24 dev br0 && ip link set br0 up";

/// Runs this test again as a process in a network of its own, and checks that it passes. Returns
/// true in that process: the test goes on there alone. `test` is its full name.
///
/// All processes of the test end with it.
#[track_caller]
pub(crate) fn enter_network(test: &str, within: Duration) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if ["ip", "nsenter", "unshare"].into_iter().any(|program| installed(program).is_none()) {
        return false;
    }
    let can = unshare(BRIDGE).output();
    if !can.is_ok_and(|output| output.status.success()) {
        left_out::<()>("network namespace", "unshare --net, or a bridge, is not allowed");
        return false;
    }
    let mut command = unshare(&format!("{BRIDGE} && exec \"$@\""));
    command.arg("sh").arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
    // What is left out in there would pass.
    command.env("CI", "true");
    let ran = Running::start(command, Input::Empty).with_deadline(within).wait().success();
    // Another name would run nothing, and pass.
    assert!(ran.out().contains("test result: ok. 1 passed"), "there is no test {test}");
    false
}

/// A shell command in namespaces of its own. Its end ends everything in them.
fn unshare(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    command.args(["sh", "-c", script]);
    command
}

/// A machine in the network that [`enter_network`] made.
pub(crate) struct Machine {
    /// Its address: 10.0.0.N.
    pub(crate) address: String,
    /// A process that keeps its namespace.
    holder: Running,
}

impl Machine {
    /// Connects machine `number`, from 1.
    #[track_caller]
    pub(crate) fn start(number: u8) -> Machine {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", "echo here; exec sleep infinity"]);
        let mut holder = Running::start(holder, Input::Empty);
        holder.expect_stdout("here");
        let machine = Machine { address: format!("10.0.0.{number}"), holder };
        let (id, address) = (machine.holder.id(), &machine.address);
        run(Command::new("sh").arg("-c").arg(format!(
            "ip link add m{number} type veth peer name eth0 netns {id} && \
             ip link set m{number} master br0 up"
        )));
        run(machine.command("sh").arg("-c").arg(format!(
            "ip link set lo up && ip addr add {address}/24 dev eth0 && ip link set eth0 up"
        )));
        machine
    }

    /// A command that runs on it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.holder.id().to_string(), program]);
        command
    }

    /// Drops what it sends to `other`, without a word, so that neither hears from the other. Who
    /// else there is reaches both.
    pub(crate) fn cut(&self, other: &Machine) {
        self.route("add", other);
    }

    /// Ends [`Machine::cut`].
    pub(crate) fn heal(&self, other: &Machine) {
        self.route("del", other);
    }

    fn route(&self, verb: &str, other: &Machine) {
        run(self.command("ip").args(["route", verb, "blackhole", &other.address]));
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
