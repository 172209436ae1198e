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
complete -c zlog -n "__fish_zlog_needs_command" -f -a "emit" -d 'Publish records: lines of stdin or files, a command\'s output, test records'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "tail" -d 'Subscribe to records and print them'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "relay" -d 'Collect from many publishers, publish to many subscribers'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "bench" -d 'Measure what a log call costs: publishing, files, mail'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "demo" -d 'An emitter and a tail in one terminal, to look at'
complete -c zlog -n "__fish_zlog_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l file -d 'Publish the lines of these files' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l test -d 'Publish N test records at random levels; without N, until stopped' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l seed -d 'The same test records again for the same seed' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l replay -d 'Publish stored records (`zlog tail --output json`) with their own spacing' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l speed -d 'How much faster than recorded: 10x, 0.5x, max' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s m -l message -d 'Publish this one record; stdin is not read' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l listen -d 'Take what Python\'s SocketHandler sends here [port: 9020], or to unix:PATH; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l listen-udp -d 'Take what Python\'s DatagramHandler sends here [port: 9021], or to unix:PATH; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l max-record -d 'The longest record, pickled; a client that sends a longer one is cut off' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l max-clients -d 'The most clients at once; more are turned away' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s r -l root -d 'What topics begin with' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s l -l level -d 'The level of what does not say its own [default: INFO]' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l stderr-level -d 'The same for a command\'s stderr [default: WARNING]' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l subtopic -d 'What topics end with' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l topic-delim -d 'Move what stands before DELIM in a line to the topic [DELIM is :: unless given]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l name -d 'The logger\'s name [default: the root, or `root`]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l source -d 'Who sends; must be unique among emitters [default: made from host and process]' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l pattern -d 'Take lines apart by named groups: time, level, name, message, subtopic; others become extras' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l multiline -d 'A line that matches begins a record; other lines belong to the one before' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l multiline-wait -d 'How long a record waits for the rest of its traceback' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l max-line -d 'A longer line is published in pieces; one that begins with { may be eight times as long, since JSON is longer than the message in it' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s b -l bind -d 'Bind this endpoint, and print the one really bound to stderr; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s c -l connect -d 'Connect to this endpoint; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l endpoint -d 'The endpoint when neither --bind nor --connect names one' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l wire -d 'What to send' -r -f -a "json\t'Whole records, as JSON under Python\'s LogRecord attribute names'
text\t'The message alone, as PyZMQ\'s PUBHandler sends it'"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l wait -d 'How long to wait for subscribers before the first record' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l wait-for -d 'How many subscribers to wait for; 0 is not to wait' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l on-full -d 'What to do when a subscriber does not keep up' -r -f -a "block\t'Wait: the input is read no faster than the slowest subscriber takes it'
drop\t'Drop the record and count it'"
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l hwm -d 'High-water mark: messages held for each subscriber; 0 is no limit' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l linger -d 'How long to go on sending what is held when the input has ended' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l rate -d 'Send at most this many records each second: 20, 20/s, 100/m' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s n -l count -d 'Stop after N records' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l duration -d 'Stop after this long' -r
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s f -l follow -d 'Go on as the files grow, are truncated or rotated'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l from-end -d 'Start at the end of the files: publish only what is added from now on'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l allow-remote -d 'Listen where other machines can send, too: whoever reaches the port can write records'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l trust-topic -d 'Keep the topics that JSON and logfmt lines bring along, whatever they begin with'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l no-detect -d 'Do not look for levels, JSON or logfmt in the lines'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l no-multiline -d 'Every line is a record: do not look for tracebacks'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l skip-empty -d 'Leave out empty lines'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l fail-on-loss -d 'Exit with 3 when a record was lost, or may have been; also at a signal'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -l tee -d 'Also copy the input to stdout, untouched (a command\'s stderr to stderr)'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s q -l quiet -d 'Leave out the summary and the progress line'
complete -c zlog -n "__fish_zlog_using_subcommand emit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s t -l topic -d 'Another way to give TOPIC' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s r -l root -d 'Only this root, exactly; with --level, the publisher already leaves the rest out' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l not -d 'Leave these topics out' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s l -l level -d 'Only this level and above: a name, or a number as Python has them' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s i -l grep -d 'Only records whose message or traceback matches one of these' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s e -l exclude -d 'Leave out records whose message or traceback matches one of these' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l from-source -d 'Only records from these senders' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l since -d 'Only records made since then: 10m, 14:30, 2026-11-21 14:30, RFC 3339' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l until -d 'Only records made before then' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s n -l count -d 'Stop after N records' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l timeout -d 'Stop after this long; exits with 3 when -n records have not come by then' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l input -d 'Read stored records or logs from these files instead (- is stdin)' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s b -l bind -d 'Bind this endpoint, and print the one really bound to stderr; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s c -l connect -d 'Connect to this endpoint; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l endpoint -d 'The endpoint when neither --bind nor --connect names one' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l last -d 'First the last N records, of a relay with --keep; then what comes' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l ask -d 'Whom to ask for them [default: the port after the endpoint\'s, or its path and .ask]' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l hwm -d 'High-water mark: messages held for this subscriber; 0 is no limit' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l max-message -d 'Hang up on a publisher that sends a larger message' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s o -l output -d 'How to print records [default: pretty, or not at all with handlers]' -r -f -a "pretty\t'For people: aligned columns, colours, tracebacks indented'
json\t'One JSON object a line, which zlog reads back'
logfmt\t'One line of key=value pairs'
text\t'The message and its traceback, as Python\'s logging writes them'
raw\t'The body as it came, byte for byte'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l format -d 'A format string as in Python\'s logging (\'%(asctime)s %(levelname)-8s %(message)s\'), or one of basic, bare, syslog, pretty, json, logfmt' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l style -d 'The style of --format: %, {, $, or auto' -r -f -a "auto\t'Recognised from the string; refused if ambiguous'
percent\t'Or %, as the % operator: %(levelname)-8s'
brace\t'Or {, as str.format: {levelname:<8}'
dollar\t'Or the dollar sign, as string.Template'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l extra -d 'Name an extra field that --format may use, and what stands for it where a record lacks it; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l time-format -l datefmt -l dateformat -d 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l msec-format -d 'How milliseconds stand after the time in --format, where --time-format does not say; empty for none [default: %s,%03d]' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l newlines -d 'Newlines in messages and tracebacks; those of names and other fields are always escaped. json and logfmt have one line for each record anyway' -r -f -a "keep\t'As they are: a text may take several lines'
escape\t'As \\x0a: a text is part of one line'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s H -l highlight -d 'Colour what matches, without leaving anything out' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l color -d 'When to colour; without a value, always' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l show -d 'What stands after the level: the topic or the logger\'s name' -r -f -a "topic\t'The topic, or the logger\'s name for a record without one'
name\t'The logger\'s name, or the topic for a record without one'"
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l separator -d 'What stands between the columns' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l reorder -d 'Hold records this long and print those of all senders in order of creation' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l stats -d 'Print rates for each topic and level to stderr, at the end or every INTERVAL' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l file -d 'Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced as it grows, with when= by the clock, as Python does both' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l smtp -d 'Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l syslog -d 'Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l exec -d 'Run this command, without a shell, for each batch of records: they are its input' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l publish -d 'Publish again here, on a socket of its own' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l console -d 'Print records too' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l linger -d 'How long handlers, and a slow reader of what is printed, may take at the end' -r
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l whole-parts -d 'Topics match only at dots: app.ERROR leaves out app.ERRORS'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l utc -d 'Times in UTC instead of local time'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l timestamp -d 'Time and topic before the message in `text` output too, as `python -m zmq.log` does'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l align -d 'Line up the columns (the default for `pretty`)'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l no-align -d 'Do not line up the columns'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -l fail-on-loss -d 'Exit with 3 when a record was lost, or may have been; also at a signal'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s v -l verbose -d 'Tell of connects, disconnects and failed handshakes on stderr'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s q -l quiet -d 'No reports on stderr but errors'
complete -c zlog -n "__fish_zlog_using_subcommand tail" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l config -d 'Read handlers, routes to them, and any of these options from this TOML file. What is typed goes before it; SIGHUP reads it again' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s b -l bind -d 'Collect here, from publishers that connect; may be repeated [default: tcp://127.0.0.1:12344]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s c -l connect -d 'Collect there, from a publisher that binds; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s r -l root -d 'What the topics of these lines begin with' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l stdin-level -d 'The level of a line that does not say its own [default: INFO]' -r -f -a "debug\t''
info\t''
warning\t''
error\t''
critical\t''"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l max-message -d 'Hang up on a publisher that sends a larger message' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l listen -d 'Take what Python\'s SocketHandler sends here [port: 9020], or to unix:PATH; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l listen-udp -d 'Take what Python\'s DatagramHandler sends here [port: 9021], or to unix:PATH; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l max-record -d 'The longest record, pickled; a client that sends a longer one is cut off' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l max-clients -d 'The most clients at once; more are turned away' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s p -l publish-bind -d 'Publish here, to subscribers that connect; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l publish-connect -d 'Publish there, to a subscriber that binds; may be repeated' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l endpoint -d 'Where to publish when neither --publish-bind nor --publish-connect says so' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l on-full -d 'When a subscriber does not keep up, or a handler whose queue is full' -r -f -a "drop\t'Drop it for that subscriber or handler alone: the others lose nothing'
block\t'Take nothing more from anybody until there is room: nothing is lost here'"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l hwm -d 'High-water mark: messages held for each publisher and each subscriber; 0 is no limit' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l linger -d 'At the end, how long to go on sending what has come, to subscribers and handlers' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l file -d 'Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced as it grows, with when= by the clock, as Python does both' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l smtp -d 'Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l syslog -d 'Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l exec -d 'Run this command, without a shell, for each batch of records: they are its input' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l publish -d 'Publish again here, on a socket of its own' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l console -d 'Print records too' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l keep -d 'Keep the last N messages of each topic, for `zlog tail --last`. Publishers are then asked for everything' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l keep-bytes -d 'Keep at most this much of all topics together; the oldest goes first' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l ask -d 'Take questions here [default: the next port after each --publish-bind, or its path and .ask]' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l status -d 'Ask the relay that publishes on ENDPOINT how it stands, and end' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s o -l output -d 'How to print the status' -r -f -a "table\t'Tables'
json\t'One JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l report -d 'Print a line about rates, drops and peers to stderr every INTERVAL' -r
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l check -d 'Only say what is wrong with --config, all of it. Nothing is opened, and no command, login file or path is looked for'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l stdin -d 'Collect lines of standard input, too; the relay goes on when they end'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l trust-topic -d 'Keep the topics that JSON and logfmt lines bring along, whatever they begin with'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l allow-remote -d 'Listen where other machines can send, too: whoever reaches the port can write records'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l no-ask -d 'Take no questions: no --status, no --last'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -l fail-on-loss -d 'Exit with 3 when a record was lost, or may have been; also at a signal'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s v -l verbose -d 'Tell of connects, disconnects and failed handshakes on stderr'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s q -l quiet -d 'No summary at the end'
complete -c zlog -n "__fish_zlog_using_subcommand relay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l handlers -d 'What to measure; pub and queue stand for each of their kinds' -r -f -a "all\t'All of them'
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
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l size -d 'Log messages of this many bytes: 100, 4K, 1M' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l lines -d 'Log the lines of this file repeatedly instead of test records' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l python -d 'Python interpreter for --compare-python [default: python3]' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l threads -d 'Number of callers, each on its own thread' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l rate -d 'Make N calls per second, and measure latency from when each call was due' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l runs -d 'Rounds: each measures every handler once' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -s n -l count -d 'End a run after N calls' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l duration -d 'End a run after this long [default: 500ms, or none with --count]' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l warm-up -d 'Log for this long before each run, without measuring' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l queue -d 'Capacity of a queue, in records' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l smtp -d 'Send mails through this server: smtp://HOST:PORT [default: an embedded one on loopback]' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l smtp-login-file -d 'File with that server\'s login, user:password [default: ZLOG_SMTP_USER and _PASSWORD]' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l smtp-delay -d 'How long the embedded mail server holds each mail' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l dir -d 'Directory for files written while measuring [default: the system\'s temporary one]' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -s o -l output -d 'What to print' -r -f -a "table\t'Tables, with bars on a terminal'
json\t'The report as one JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l export-markdown -d 'Also write the tables as Markdown' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l export-csv -d 'Also write every figure as CSV' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l plot -d 'Also draw throughput and latencies: FILE.svg or FILE.png (may be given again)' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l baseline -d 'Exit with 3 if a handler is slower than in this report (from --output json)' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l tolerance -d 'How much slower a handler may be' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l compare-python -d 'Also measure Python\'s and PyZMQ\'s handlers with the same records'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -l absolute -d 'Compare calls per second instead of ratios to `file` and `null`'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and not __fish_seen_subcommand_from pipeline" -f -a "pipeline" -d 'End to end, from emit to tail, beside bare libzmq'
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l transport -d 'Transport between emit and tail' -r -f -a "tcp\t'TCP on loopback'
ipc\t'A Unix socket'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l wire -d 'Wire format' -r -f -a "json\t'Whole records, as JSON under Python\'s LogRecord attribute names'
text\t'The message alone, as PyZMQ\'s PUBHandler sends it'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l size -d 'Bytes of each message: 100, 4K; several make a sweep' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l publishers -d 'Number of emit processes; several make a sweep' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l subscribers -d 'Number of tail processes, each of which gets every record; several make a sweep' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l topics -d 'Subscriptions of each tail, one of which matches the records; several make a sweep' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l runs -d 'Rounds: each measures every pipeline once, with zlog and with bare libzmq' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s n -l count -d 'Records of each emit in a run [default: 200000, and fewer large ones]' -r
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l dir -d 'Directory for the files of lines [default: the system\'s temporary one]' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s o -l output -d 'What to print' -r -f -a "table\t'Aligned tables'
markdown\t'Markdown tables'
json\t'One JSON object'"
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l export-markdown -d 'Also write the tables as Markdown' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -l plot -d 'Draw how rate and cost change along the sweep: FILE.svg or FILE.png (may be given again)' -r -F
complete -c zlog -n "__fish_zlog_using_subcommand bench; and __fish_seen_subcommand_from pipeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand demo" -s n -l count -d 'Stop after N records; without it, at Ctrl-C' -r
complete -c zlog -n "__fish_zlog_using_subcommand demo" -l rate -d 'Records each second' -r
complete -c zlog -n "__fish_zlog_using_subcommand demo" -l seed -d 'The same records again for the same seed' -r
complete -c zlog -n "__fish_zlog_using_subcommand demo" -l color -d 'When to colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c zlog -n "__fish_zlog_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zlog -n "__fish_zlog_using_subcommand help; and not __fish_seen_subcommand_from emit tail relay bench demo help" -f -a "emit" -d 'Publish records: lines of stdin or files, a command\'s output, test records'
complete -c zlog -n "__fish_zlog_using_subcommand help; and not __fish_seen_subcommand_from emit tail relay bench demo help" -f -a "tail" -d 'Subscribe to records and print them'
complete -c zlog -n "__fish_zlog_using_subcommand help; and not __fish_seen_subcommand_from emit tail relay bench demo help" -f -a "relay" -d 'Collect from many publishers, publish to many subscribers'
complete -c zlog -n "__fish_zlog_using_subcommand help; and not __fish_seen_subcommand_from emit tail relay bench demo help" -f -a "bench" -d 'Measure what a log call costs: publishing, files, mail'
complete -c zlog -n "__fish_zlog_using_subcommand help; and not __fish_seen_subcommand_from emit tail relay bench demo help" -f -a "demo" -d 'An emitter and a tail in one terminal, to look at'
complete -c zlog -n "__fish_zlog_using_subcommand help; and not __fish_seen_subcommand_from emit tail relay bench demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c zlog -n "__fish_zlog_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "pipeline" -d 'End to end, from emit to tail, beside bare libzmq'
