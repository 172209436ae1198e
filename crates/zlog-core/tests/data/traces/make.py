"""Writes the *.txt files here: what real runtimes print when a program fails.

Run in this directory, with the tools on the path: python3 make.py WORKDIR [NAME...]
WORKDIR must have
- `venv` with loguru, pydantic and rich;
- `anyhow`, a crate `anyhow-app` that uses anyhow, with programs/panic.rs as its main.rs, built;
- `dotnet`, the unpacked wheel of dotnetcore2 (.NET Core 3.1).
The output of what is missing is left as it is.
On Debian: elixir g++ kotlin perl scala ruby php-cli mono-mcs mono-runtime liblogback-java golang-go default-jdk nodejs.
VERSIONS names the versions of the last run.
"""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent.resolve()
WORK = pathlib.Path(sys.argv[1]).resolve()
APP = WORK / "app"
shutil.rmtree(APP, ignore_errors=True)
shutil.copytree(HERE / "programs", APP)
JARS = "/usr/share/java/"
CLASSPATH = ":".join([".", *(JARS + jar for jar in ("logback-classic.jar", "logback-core.jar", "slf4j-api.jar"))])
PYTHON = "python3"
VENV = str(WORK / "venv/bin/python")
RUST = str(WORK / "anyhow/target/debug/anyhow-app")
DOTNET = str(WORK / "dotnet/dotnetcore2/bin/dotnet")
BUILDS = [
    "javac Boom.java",
    f"javac -cp {CLASSPATH} Wrapped.java",
    "go build -o panic-go panic.go",
    "go build -o deadlock-go deadlock.go",
    "go build -race -o race-go race.go",
    "mcs -debug -out:Boom.exe Boom.cs",
    "cp Boom.exe Boom.dll",
    "g++ -o boom-cpp boom.cpp",
    "g++ -o crash-cpp crash.cpp",
    "g++ -g -fsanitize=address -o freed-cpp freed.cpp",
    "kotlinc boom.kt -include-runtime -d boom-kotlin.jar",
    "scalac Boom.scala",
]
# The name of the file, the command, and variables of the environment.
RUNS = [
    ("python-messages", [PYTHON, "messages.py"], {}),
    ("python-uncaught", [PYTHON, "uncaught.py"], {}),
    ("python-segfault", [PYTHON, "segfault.py"], {}),
    ("python-loguru", [VENV, "use_loguru.py"], {}),
    ("python-pydantic", [VENV, "use_pydantic.py"], {}),
    ("python-rich", [VENV, "use_rich.py"], {}),
    ("node-frame", ["node", "frame.js"], {}),
    ("node-logged", ["node", "logged.js"], {}),
    ("node-text", ["node", "text.js"], {}),
    ("node-rejected", ["node", "rejected.js"], {}),
    ("java-causes", ["java", "Boom"], {}),
    ("java-wrapped-by", ["java", "-cp", CLASSPATH, "Wrapped"], {}),
    ("go-nil", ["./panic-go"], {}),
    ("go-panic-in-panic", ["./panic-go", "x"], {}),
    ("go-deadlock", ["./deadlock-go"], {}),
    ("go-race", ["./race-go"], {}),
    ("rust-panic", [RUST], {"RUST_BACKTRACE": "0"}),
    ("rust-backtrace", [RUST], {"RUST_BACKTRACE": "1"}),
    ("rust-assert", [RUST, "assert"], {"RUST_BACKTRACE": "0"}),
    ("rust-thread", [RUST, "thread"], {"RUST_BACKTRACE": "0"}),
    ("rust-anyhow", [RUST, "error"], {"RUST_BACKTRACE": "0"}),
    ("rust-anyhow-backtrace", [RUST, "error"], {"RUST_BACKTRACE": "1"}),
    ("rust-anyhow-logged", [RUST, "logged"], {"RUST_BACKTRACE": "0"}),
    ("ruby-causes", ["ruby", "boom.rb"], {}),
    ("ruby-highlight", ["ruby", "boom.rb", "nil"], {}),
    ("php-chain", ["php", "-d", "display_errors=0", "-d", "log_errors=1", "boom.php"], {}),
    ("mono-inner", ["mono", "--debug", "Boom.exe"], {}),
    ("perl-confess", ["perl", "boom.pl"], {}),
    ("perl-fatal", ["perl", "fatal.pl"], {}),
    ("cpp-terminate", ["./boom-cpp"], {}),
    ("cpp-sanitizer", ["./freed-cpp"], {}),
    ("shell-signals", ["bash", "crash.sh"], {}),
    ("elixir-raise", ["sh", "-c", "elixir boom.exs >&2"], {}),
    ("elixir-genserver", ["sh", "-c", "elixir genserver.exs >&2"], {}),
    ("erlang-exit", ["sh", "-c", "escript boom.erl >&2"], {}),
    ("kotlin-causes", ["java", "-jar", "boom-kotlin.jar"], {}),
    ("scala-match", ["scala", "BoomScala"], {}),
    ("python-additions", [PYTHON, "wrapped.py"], {}),
    ("dotnet-inner", [DOTNET, "Boom.dll"], {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}),
]
VERSIONS = [
    [PYTHON, "--version"],
    [VENV, "--version"],
    [VENV, "-m", "pip", "freeze"],
    ["node", "--version"],
    ["java", "--version"],
    ["go", "version"],
    ["rustc", "--version"],
    ["ruby", "--version"],
    ["php", "--version"],
    ["perl", "--version"],
    ["g++", "--version"],
    ["elixir", "--version"],
    ["kotlinc", "-version"],
    ["scala", "-version"],
    ["mono", "--version"],
    ["ls", str(WORK / "dotnet/dotnetcore2/bin/shared/Microsoft.NETCore.App")],
]


def first_lines(command):
    try:
        text = subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return f"{command[0]}: not found"
    lines = text.splitlines()
    return "\n".join(lines if "freeze" in command else lines[:1])


ONLY = sys.argv[2:]
for build in BUILDS:
    subprocess.run(build.split(), cwd=APP, check=False)
for name, command, variables in RUNS:
    if ONLY and name not in ONLY:
        continue
    try:
        ran = subprocess.run(
            command, cwd=APP, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env={**os.environ, **variables},
        )
    except OSError as error:
        print(f"{name}: {error}")
        continue
    text = ran.stderr.replace(str(APP).encode(), b"/app").replace(str(WORK).encode(), b"/opt")
    (HERE / f"{name}.txt").write_bytes(text)
    print(f"{name}: {len(text)} bytes, exit status {ran.returncode}")
if not ONLY:
    (HERE / "VERSIONS").write_text("\n".join(map(first_lines, VERSIONS)) + "\n")
