require Logger
Logger.info("up")
defmodule Shop do
  def open(path), do: raise "could not open #{path}"
end
spawn(fn -> Shop.open("/a") end)
Process.sleep(200)
try do
  Shop.open("/b")
rescue
  e -> Logger.error(Exception.format(:error, e, __STACKTRACE__))
end
Process.sleep(100)
Shop.open("/nowhere")
