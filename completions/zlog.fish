# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_zlog_global_optspecs
    string join \n h/help V/version
end

function __fish_zlog_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_zlog_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_zlog_using_subcommand
    set -l cmd (__fish_zlog_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c zlog -n "__fish_zlog_needs_command" -s h -l help -d 'Print help'
complete -c zlog -n "__fish_zlog_needs_command" -s V -l version -d 'Print version'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "help" -d 'Print help for a command, the keys of handlers, or relay.toml'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "emit" -d 'Publish lines, the output of a command or test records'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "tail" -d 'Subscribe to records and print them'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "top" -d 'Show rates, losses and lag of a stream, live'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "relay" -d 'Collect from many publishers, publish to many subscribers'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "bench" -d 'Measure what a log call costs: publishing, files, mail'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "canary" -d 'Send numbered records through a pipeline, and say what was lost'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "demo" -d 'Show an emitter and a tail in one terminal'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "formats" -d 'List the formats of lines, or explain which one the lines of a file have'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "config" -d 'Show the user\'s defaults and named endpoints'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "keygen" -d 'Make keys for encryption, and say whose keys are trusted'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "man" -d 'Print a man page, in roff'
complete -c zlog -n "__fish_zlog_using_subcommand help" -s h -l help -d 'Print help'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l file -d 'Publish the lines of these files' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l rotate-wait -d 'How long to keep reading a file that was renamed' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l position -d 'Remember in FILE where each file was read to' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l test -d 'Publish N test records; without N, endlessly' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l seed -d 'Make the same test records for the same seed' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l replay -d 'Publish stored records at their original pace' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l speed -d 'Pace of --replay: 10x, 0.5x or max' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s m -l message -d 'Publish this one record' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l listen -d 'Receive from SocketHandler [port: 9020]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l listen-udp -d 'Receive from DatagramHandler [port: 9021]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l otlp-listen -d 'Receive OpenTelemetry\'s logs (OTLP) [port: 4318]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l max-record -d 'Skip a longer record (as it was sent)' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l max-clients -d 'Refuse clients beyond this number' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s r -l root -d 'First part of topics' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s l -l level -d 'Level of lines that name none [default: INFO]' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l stderr-level -d 'The same for stderr [default: WARNING]' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l subtopic -d 'Last part of topics' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l topic-delim -d 'Read the subtopic from lines: `db::text`' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l name -d 'Logger [default: the root, or `root`]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l source -d 'Source name, unique per emitter [default: made from host and process]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l pattern -d 'Parse lines by named groups' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l format-in -d 'Read all lines as this format of `zlog formats`' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l multiline -d 'Regular expression that matches the first line of a record' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l multiline-wait -d 'How long a record waits for the rest of its traceback' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l max-line -d 'Publish a longer line in pieces' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s b -l bind -d 'Bind this endpoint' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s c -l connect -d 'Connect to this endpoint' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l endpoint -d 'Default endpoint (tcp://127.0.0.1:12345)' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l key -d 'Encrypt all tcp connections with this key' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l engine -d 'Engine of the sockets: native or libzmq' -r -f -a "native\t'zlog\'s own, for tcp and ipc'
libzmq\t'libzmq, with all of its transports'"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l nats -d 'Store in NATS JetStream' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l otlp -d 'Send to an OpenTelemetry collector' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l wire -d 'Dialect: json or text' -r -f -a "json\t'Whole records, as JSON under Python\'s LogRecord attribute names'
text\t'The message alone, as PyZMQ\'s PUBHandler sends it'"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l wait -d 'How long to wait for subscribers [default: 1s]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l wait-for -d 'How many of them to wait for' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l on-full -d 'Slow subscriber: block or drop' -r -f -a "block\t'Wait: the input is read only as fast as the slowest subscriber receives'
drop\t'Drop the record and count it'"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l stall -d 'Disconnect a subscriber that takes nothing for this long [default: never]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l hwm -d 'High-water mark: messages queued for each subscriber; 0 for no limit' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l linger -d 'How long to send the rest at the end' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l spool -d 'Keep records in DIR until a relay confirms them' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l spool-bytes -d 'Most bytes of --spool' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l confirm-at -d 'Where the relay confirms [default: the port before --connect, or its path and .confirm]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l rate -d 'At most this rate: 20, 20/s, 100/m' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s n -l count -d 'Stop after N records' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l duration -d 'Stop after this long' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s f -l follow -d 'Continue as the files grow or are rotated'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l from-end -d 'Start at the end of the files: publish only what is added from now on'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l allow-remote -d 'Allow listening beyond loopback'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l trust-topic -d 'Keep topics of JSON and logfmt lines that are outside the root'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l no-detect -d 'Do not look for levels, JSON and logfmt'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l no-multiline -d 'Do not look for tracebacks'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l skip-empty -d 'Drop empty lines'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l insecure -d 'Bind beyond loopback without encryption'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l confirm -d 'Exit with 3 unless all records were confirmed within --linger'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l strict -d 'Fail if an endpoint can\'t be used'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l fail-on-loss -d 'Exit with 3 if a record was lost'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l tee -d 'Also copy the input to stdout'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s q -l quiet -d 'Print nothing unless records were lost'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s t -l topic -d 'Another way to give TOPIC' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s r -l root -d 'Only topics with this root' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l not -d 'Exclude topics with this prefix' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s l -l level -d 'Only this level and above, or without a level' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l where -d 'Only if this holds: \'status>=500 and user.name=bo\'' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s i -l grep -d 'Only if message, traceback or fields match' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s e -l exclude -d 'Exclude if message, traceback or fields match' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l from-source -d 'Only records from this source' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l since -d 'Only records created since then' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l until -d 'Only records created before then' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s n -l count -d 'Stop after N records' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l timeout -d 'Stop after this long' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l input -d 'Read stored records or logs from files; - is stdin' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l format-in -d 'Read all lines of --input as this format of `zlog formats`' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l from-nats -d 'Read a stream of NATS JetStream' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l durable -d 'Continue where the last tail with this NAME has stopped' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s b -l bind -d 'Bind this endpoint' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s c -l connect -d 'Connect to this endpoint' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l endpoint -d 'Default endpoint (tcp://127.0.0.1:12345)' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l key -d 'Encrypt all tcp connections with this key' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l engine -d 'Engine of the sockets: native or libzmq' -r -f -a "native\t'zlog\'s own, for tcp and ipc'
libzmq\t'libzmq, with all of its transports'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l last -d 'Start with the last N records' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l heal -d 'Ask the relay for records that did not arrive, and wait this long' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l ask -d 'Endpoint for --last and --heal [default: the port after the endpoint\'s, or its path and .ask]' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l hwm -d 'High-water mark: messages queued for this subscriber; 0 for no limit' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l max-message -d 'Disconnect a publisher that sends a larger message' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s o -l output -d 'pretty (default), json, logfmt, text or raw' -r -f -a "pretty\t'For people: aligned columns, colours, tracebacks indented'
json\t'One JSON object a line, which zlog reads back'
logfmt\t'One line of key=value pairs'
text\t'The message and its traceback, as Python\'s logging writes them'
raw\t'The body as it came, and a newline after each'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l format -d 'A format string of Python\'s logging' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l style -d 'Style of --format: %, {, $ or auto' -r -f -a "auto\t'Recognised from the string; refused if ambiguous'
percent\t'Or %, as the % operator: %(levelname)-8s'
brace\t'Or {, as str.format: {levelname:<8}'
dollar\t'Or the dollar sign, as string.Template'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l extra -d 'Declare an extra that --format uses; DEFAULT is for records without it' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l time-format -l datefmt -l dateformat -d 'short, full, iso, unix, elapsed, delta or a strftime format' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l msec-format -d 'Format of the milliseconds after the time in --format; empty for none [default: %s,%03d, and none with --time-format]' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l newlines -d 'Newlines in messages and tracebacks' -r -f -a "keep\t'As they are: a text may take several lines'
indent\t'Further lines are indented by four spaces: none can look like a record'
escape\t'As \\x0a: a text is part of one line'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s H -l highlight -d 'Colour matches' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l color -d 'Colour: auto, always or never' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l show -d 'Show these fields: name, source, process, ...' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l hide -d 'Hide these fields: time, topic, extras, ...' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l separator -d 'Text between the columns' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l reorder -d 'Sort by time within this window' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l stats -d 'Print rates to stderr' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l count-by -d 'Print counts in place of records: level, topic, ...' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l every -d 'Print the counts of each interval: 1m, 1h, ...' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l file -d 'Append to a file, or rotate it' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l smtp -d 'Send mail; to= is required' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l syslog -d 'Send to a syslog daemon' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l exec -d 'Run a command for each batch' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l publish -d 'Publish on another socket' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l nats -d 'Store in NATS JetStream' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l otlp -d 'Send to an OpenTelemetry collector' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l console -d 'Also print records' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l linger -d 'How long handlers and a slow reader of the output may take at the end' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l whole-parts -d 'Match a prefix only up to a dot or the end: app.ERROR excludes app.ERRORS'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l strict-level -d 'With --level: exclude records without a level'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l all -d 'All of several -i must match, not one of them'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s f -l follow -d 'Continue at the end of files or of a stream'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l sort -d 'Merge the files by time'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l insecure -d 'Bind beyond loopback without encryption'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l utc -d 'Times in UTC instead of local time'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l timestamp -d 'Also print time and topic in `text` output, as `python -m zmq.log` does'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l align -d 'Align the columns (the default for `pretty`)'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l no-align -d 'Do not align the columns'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l fail-on-loss -d 'Exit with 3 if a record was lost'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s v -l verbose -d 'Report connects, disconnects and failed handshakes'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s q -l quiet -d 'Report only errors'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand top" -s t -l topic -d 'Another way to give TOPIC' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s r -l root -d 'Only topics with this root' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l not -d 'Exclude topics with this prefix' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s l -l level -d 'Only this level and above, or without a level' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand top" -l where -d 'Only if this holds: \'status>=500 and user.name=bo\'' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s i -l grep -d 'Only if message, traceback or fields match' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s e -l exclude -d 'Exclude if message, traceback or fields match' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l from-source -d 'Only records from this source' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l from-nats -d 'Watch a stream of NATS JetStream, from now on' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l ask -d 'Query endpoint of a relay, whose status is shown [default: the port after the endpoint\'s, or its path and .ask]' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s b -l bind -d 'Bind this endpoint' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s c -l connect -d 'Connect to this endpoint' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l endpoint -d 'Default endpoint (tcp://127.0.0.1:12345)' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l key -d 'Encrypt all tcp connections with this key' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand top" -l engine -d 'Engine of the sockets: native or libzmq' -r -f -a "native\t'zlog\'s own, for tcp and ipc'
libzmq\t'libzmq, with all of its transports'"
complete -c zlog -n "__fish_zlog_using_subcommand top" -l interval -d 'How long --once counts' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -s o -l output -d 'table or json' -r -f -a "table\t'Tables'
json\t'One JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand top" -s n -l limit -d 'Most topics and sources in each table [default: 20; all in JSON]' -r
complete -c zlog -n "__fish_zlog_using_subcommand top" -l color -d 'Colour: auto, always or never' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c zlog -n "__fish_zlog_using_subcommand top" -l whole-parts -d 'Match a prefix only up to a dot or the end: app.ERROR excludes app.ERRORS'
complete -c zlog -n "__fish_zlog_using_subcommand top" -l strict-level -d 'With --level: exclude records without a level'
complete -c zlog -n "__fish_zlog_using_subcommand top" -l all -d 'All of several -i must match, not one of them'
complete -c zlog -n "__fish_zlog_using_subcommand top" -l insecure -d 'Bind beyond loopback without encryption'
complete -c zlog -n "__fish_zlog_using_subcommand top" -l once -d 'Count for --interval, print the numbers, and end'
complete -c zlog -n "__fish_zlog_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l config -d 'TOML file with options, handlers and routes' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s b -l bind -d 'Collect here [default: tcp://127.0.0.1:12344]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s c -l connect -d 'Collect from a publisher that binds' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s r -l root -d 'First part of the topics of these lines' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l stdin-level -d 'Level of lines that name none [default: INFO]' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l max-message -d 'Disconnect a publisher that sends a larger message' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l spool -d 'Keep records of `emit --spool`, and confirm them' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l spool-bytes -d 'Most bytes of --spool; if it is full, senders wait' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l confirm-when -d 'When records are confirmed: stored (on disk) or handled (by the handlers)' -r -f -a "stored\t'They are in the spool, on disk'
handled\t'The relay has handed them to its handlers'"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l confirm-at -d 'Confirm here [default: the port before each --bind, or its path and .confirm]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l listen -d 'Receive from SocketHandler [port: 9020]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l listen-udp -d 'Receive from DatagramHandler [port: 9021]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l otlp-listen -d 'Receive OpenTelemetry\'s logs (OTLP) [port: 4318]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l max-record -d 'Skip a longer record (as it was sent)' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l max-clients -d 'Refuse clients beyond this number' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s p -l publish-bind -d 'Publish to subscribers that connect' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l publish-connect -d 'Publish to a subscriber that binds' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l endpoint -d 'Default (tcp://127.0.0.1:12345)' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l engine -d 'Engine of the sockets: native or libzmq' -r -f -a "native\t'zlog\'s own, for tcp and ipc'
libzmq\t'libzmq, with all of its transports'"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l key -d 'Encrypt all tcp connections with this key' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l on-full -d 'Slow subscriber: drop or block' -r -f -a "block\t'Wait: the input is read only as fast as the slowest subscriber receives'
drop\t'Drop the record and count it'"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l stall -d 'Disconnect a subscriber that takes nothing for this long [default: 30s]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l hwm -d 'High-water mark: messages queued for each publisher and each subscriber; 0 for no limit' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l linger -d 'How long to send the rest to subscribers and handlers at the end' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l file -d 'Append to a file, or rotate it' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l smtp -d 'Send mail; to= is required' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l syslog -d 'Send to a syslog daemon' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l exec -d 'Run a command for each batch' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l publish -d 'Publish on another socket' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l nats -d 'Store in NATS JetStream' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l otlp -d 'Send to an OpenTelemetry collector' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l console -d 'Also print records' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l keep -d 'Keep the last N messages of each topic' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l keep-bytes -d 'Keep at most this much of all topics together; the oldest is discarded first' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l ask -d 'Answer queries here [default: the port after each --publish-bind, or its path and .ask]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l status -d 'Print the status of a running relay' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s o -l output -d 'Format of the status: table or json' -r -f -a "table\t'Tables'
json\t'One JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l report -d 'Print rates, drops and peers at this interval' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l check -d 'Only report the errors in --config'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l stdin -d 'Also collect lines of stdin'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l trust-topic -d 'Keep topics of JSON and logfmt lines that are outside the root'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l allow-remote -d 'Allow listening beyond loopback'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l insecure -d 'Bind beyond loopback without encryption'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l no-ask -d 'Answer no queries: no --status, no --last'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l fail-on-loss -d 'Exit with 3 if a record was lost'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s v -l verbose -d 'Report connects, disconnects and failed handshakes'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s q -l quiet -d 'No summary at the end'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l handlers -d 'Handlers to measure' -r -f -a "all\t'All of them'
file\t'A file, one write per record'
file-sync\t'A file, synced to disk before each call returns'
rotating\t'A rotating file'
smtp\t'One mail per record'
pub\t'Publishing: inproc, ipc and tcp'
pub-inproc\t'Publishing within a process'
pub-ipc\t'Publishing to another process, over a Unix socket'
pub-tcp\t'Publishing to another process, over TCP'
queue\t'A queue and a thread before a file, and before mail'
queue-file\t'A queue and a thread before a file'
queue-smtp\t'A queue and a thread before mail'
null\t'Formatting alone'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l size -d 'Bytes of each message' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l lines -d 'Log the lines of this file instead' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l python -d 'Python interpreter [default: python3]' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l threads -d 'Number of callers' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l rate -d 'Make N calls per second' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l runs -d 'Rounds' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -s n -l count -d 'End a run after N calls' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l duration -d 'End a run after this long [default: 500ms]' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l warm-up -d 'Warm-up before each run' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l queue -d 'Capacity of a queue' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l smtp -d 'Mail server [default: an embedded one]' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l smtp-login-file -d 'File with its login, user:password [default: ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD]' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l smtp-delay -d 'How long the embedded mail server holds each mail' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l dir -d 'Directory for temporary files' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -s o -l output -d 'Format of the report: table or json' -r -f -a "table\t'Tables, with bars on a terminal'
json\t'The report as one JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l export-markdown -d 'Also write tables as Markdown' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l export-csv -d 'Also write figures as CSV' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l plot -d 'Also draw a chart: .svg or .png' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l baseline -d 'Exit with 3 if slower than this report' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l tolerance -d 'Slowdown that is allowed' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l compare-python -d 'Also measure Python\'s handlers'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l absolute -d 'Compare calls/s instead of ratios'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -f -a "pipeline" -d 'End to end, from emit to tail, beside bare libzmq'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l transport -d 'Transports' -r -f -a "tcp\t'TCP on loopback'
ipc\t'A Unix socket'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l wire -d 'Dialects' -r -f -a "json\t'Whole records, as JSON under Python\'s LogRecord attribute names'
text\t'The message alone, as PyZMQ\'s PUBHandler sends it'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l size -d 'Bytes of each message' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l publishers -d 'Number of emit processes' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l subscribers -d 'Number of tail processes' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l topics -d 'Subscriptions of each tail' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l runs -d 'Rounds' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s n -l count -d 'Records of each emit in a run' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l dir -d 'Directory for temporary files' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s o -l output -d 'Format: table, markdown or json' -r -f -a "table\t'Aligned tables'
markdown\t'Markdown tables'
json\t'One JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l export-markdown -d 'Also write tables as Markdown' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l plot -d 'Draw the sweep: .svg or .png' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l send -d 'Publish to this endpoint [default: where this user\'s relay collects]' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l send-socket -d 'Send as Python\'s SocketHandler does, to what listens here' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l send-file -d 'Append lines to this file, which something follows' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l read -d 'Subscribe to this endpoint [default: where that relay publishes]' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l endpoint -d 'Default (tcp://127.0.0.1:12345)' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l read-file -d 'Follow this file, which something at the end of the pipeline writes' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand canary" -s n -l count -d 'Number of records' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l rate -d 'Records per second: 20, 20/s, 100/m' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l size -d 'Length of the messages, at least' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -s r -l root -d 'First part of their topics, and the logger' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l wait -d 'How long to wait for the first record to come through' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l timeout -d 'How long to wait for missing records, since the last one' -r
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l key -d 'Encrypt all tcp connections with this key' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l engine -d 'Engine of the sockets: native or libzmq' -r -f -a "native\t'zlog\'s own, for tcp and ipc'
libzmq\t'libzmq, with all of its transports'"
complete -c zlog -n "__fish_zlog_using_subcommand canary" -s o -l output -d 'table or json' -r -f -a "table\t'A table'
json\t'One JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l insecure -d 'Bind beyond loopback without encryption'
complete -c zlog -n "__fish_zlog_using_subcommand canary" -l fail-on-loss -d 'Exit with 3 if a record was lost'
complete -c zlog -n "__fish_zlog_using_subcommand canary" -s q -l quiet -d 'Print the report alone'
complete -c zlog -n "__fish_zlog_using_subcommand canary" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand demo" -s n -l count -d 'Stop after N records [default: at Ctrl-C]' -r
complete -c zlog -n "__fish_zlog_using_subcommand demo" -l rate -d 'Records per second' -r
complete -c zlog -n "__fish_zlog_using_subcommand demo" -l seed -d 'Make the same records for the same seed' -r
complete -c zlog -n "__fish_zlog_using_subcommand demo" -l color -d 'Colour: auto, always or never' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c zlog -n "__fish_zlog_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand formats" -l explain -d 'Show the format of each line of FILE, and why; - is stdin' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand formats" -l format-in -d 'Try only this format' -r
complete -c zlog -n "__fish_zlog_using_subcommand formats" -l json -d 'Print a JSON object for each line'
complete -c zlog -n "__fish_zlog_using_subcommand formats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand config" -l path -d 'Print the path of the file'
complete -c zlog -n "__fish_zlog_using_subcommand config" -l init -d 'Make a file in which everything is a comment'
complete -c zlog -n "__fish_zlog_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l name -d 'Name in the files or the list; USER@HOST if it is left out, or that of the trusted file' -r
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l trust -d 'Let the owner of this key connect to what this machine binds' -r
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l host -d 'It is the key of this server, to connect to' -r
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l publish -d 'The client may publish only topics that begin so' -r
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l read -d 'The client may read only topics that begin so' -r
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l revoke -d 'Trust a key no longer' -r
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l pyzmq -d 'Make NAME.key_secret and NAME.key, as PyZMQ\'s zmq.auth does'
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l no-publish -d 'The client may publish nothing'
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -l no-read -d 'The client may read nothing'
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -s l -l list -d 'List this machine\'s key, the trusted ones and their rights'
complete -c zlog -n "__fish_zlog_using_subcommand keygen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
