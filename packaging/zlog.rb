# Template of a Homebrew formula: `VERSION` and `SHA256` are those of a release's source archive.
class Zlog < Formula
  desc "Carries log records over ZeroMQ publish/subscribe"
  homepage "https://github.com/zlog-cli/zlog"
  url "https://github.com/zlog-cli/zlog/archive/refs/tags/vVERSION.tar.gz"
  sha256 "SHA256"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"zlog", "completions", shells: [:bash, :zsh, :fish])
    man1.install Dir["man/*.1"]
    man5.install Dir["man/*.5"]
    man7.install Dir["man/*.7"]
  end

  test do
    assert_match "zlog", shell_output("#{bin}/zlog --version")
    assert_equal "hello\n", pipe_output("#{bin}/zlog tail --input - --output text", "hello\n")
  end
end
