require 'logger'

def read = raise(ArgumentError, "first line\nsecond line")

def open_it
  read
rescue ArgumentError
  raise "could not open"
end

def deep(n) = n.zero? ? raise("deep") : deep(n - 1)

log = Logger.new($stderr)
log.info("up")
begin
  open_it
rescue RuntimeError => e
  log.error(e)
end
begin
  deep(3)
rescue RuntimeError => e
  log.error(e)
end
log.info("on")
nil.foo if ARGV[0] == "nil"
open_it
