require Logger

defmodule Counter do
  use GenServer
  def init(count), do: {:ok, count}
  def handle_cast(:fail, _count), do: raise(ArgumentError, "first line\n\n  second line")
end

Logger.info("up")
{:ok, pid} = GenServer.start(Counter, 0)
GenServer.cast(pid, :fail)
Process.sleep(200)
Logger.info("on")
Process.sleep(100)
