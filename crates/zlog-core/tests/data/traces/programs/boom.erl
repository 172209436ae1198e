-module(boom).
-export([main/1, open/1]).
open(Path) -> error({could_not_open, Path}).
main(_) -> spawn(fun() -> open("/a") end), timer:sleep(200), open("/nowhere").
