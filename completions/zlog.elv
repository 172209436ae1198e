
use builtin;
use str;

set edit:completion:arg-completer[zlog] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'zlog'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'zlog'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand emit 'Publish records: lines of stdin or files, a command''s output, test records'
            cand tail 'Subscribe to records and print them'
            cand relay 'Collect from many publishers, publish to many subscribers'
            cand bench 'Measure what a log call costs: publishing, files, mail'
            cand demo 'An emitter and a tail in one terminal, to look at'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'zlog;emit'= {
            cand --file 'Publish the lines of these files'
            cand --test 'Publish N test records at random levels; without N, until stopped'
            cand --seed 'The same test records again for the same seed'
            cand --replay 'Publish stored records (`zlog tail --output json`) with their own spacing'
            cand --speed 'How much faster than recorded: 10x, 0.5x, max'
            cand -m 'Publish this one record; stdin is not read'
            cand --message 'Publish this one record; stdin is not read'
            cand --listen 'Take what Python''s SocketHandler sends here [port: 9020], or to unix:PATH; may be repeated'
            cand --listen-udp 'Take what Python''s DatagramHandler sends here [port: 9021], or to unix:PATH; may be repeated'
            cand --max-record 'The longest record, pickled; a client that sends a longer one is cut off'
            cand --max-clients 'The most clients at once; more are turned away'
            cand -r 'What topics begin with'
            cand --root 'What topics begin with'
            cand -l 'The level of what does not say its own [default: INFO]'
            cand --level 'The level of what does not say its own [default: INFO]'
            cand --stderr-level 'The same for a command''s stderr [default: WARNING]'
            cand --subtopic 'What topics end with'
            cand --topic-delim 'Move what stands before DELIM in a line to the topic [DELIM is :: unless given]'
            cand --name 'The logger''s name [default: the root, or `root`]'
            cand --source 'Who sends; must be unique among emitters [default: made from host and process]'
            cand --pattern 'Take lines apart by named groups: time, level, name, message, subtopic; others become extras'
            cand --multiline 'A line that matches begins a record; other lines belong to the one before'
            cand --multiline-wait 'How long a record waits for the rest of its traceback'
            cand --max-line 'A longer line is published in pieces'
            cand -b 'Bind this endpoint, and print the one really bound to stderr; may be repeated'
            cand --bind 'Bind this endpoint, and print the one really bound to stderr; may be repeated'
            cand -c 'Connect to this endpoint; may be repeated'
            cand --connect 'Connect to this endpoint; may be repeated'
            cand --endpoint 'The endpoint when neither --bind nor --connect names one'
            cand --wire 'What to send'
            cand --wait 'How long to wait for subscribers before the first record'
            cand --wait-for 'How many subscribers to wait for; 0 is not to wait'
            cand --on-full 'What to do when a subscriber does not keep up'
            cand --hwm 'High-water mark: messages held for each subscriber; 0 is no limit'
            cand --linger 'How long to go on sending what is held when the input has ended'
            cand --rate 'Send at most this many records each second: 20, 20/s, 100/m'
            cand -n 'Stop after N records'
            cand --count 'Stop after N records'
            cand --duration 'Stop after this long'
            cand -f 'Go on as the files grow, are truncated or rotated'
            cand --follow 'Go on as the files grow, are truncated or rotated'
            cand --from-end 'Start at the end of the files: publish only what is added from now on'
            cand --allow-remote 'Listen where other machines can send, too: whoever reaches the port can write records'
            cand --no-detect 'Do not look for levels, JSON or logfmt in the lines'
            cand --no-multiline 'Every line is a record: do not look for tracebacks'
            cand --skip-empty 'Leave out empty lines'
            cand --fail-on-loss 'Exit with 3 when a record was dropped, or may not have left in time'
            cand --tee 'Also copy the input to stdout, untouched (a command''s stderr to stderr)'
            cand -q 'Leave out the summary and the progress line'
            cand --quiet 'Leave out the summary and the progress line'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;tail'= {
            cand -t 'Another way to give TOPIC'
            cand --topic 'Another way to give TOPIC'
            cand -r 'Only this root, exactly; with --level, the publisher already leaves the rest out'
            cand --root 'Only this root, exactly; with --level, the publisher already leaves the rest out'
            cand --not 'Leave these topics out'
            cand -l 'Only this level and above: a name, or a number as Python has them'
            cand --level 'Only this level and above: a name, or a number as Python has them'
            cand -i 'Only records whose message or traceback matches one of these'
            cand --grep 'Only records whose message or traceback matches one of these'
            cand -e 'Leave out records whose message or traceback matches one of these'
            cand --exclude 'Leave out records whose message or traceback matches one of these'
            cand --from-source 'Only records from these senders'
            cand --since 'Only records made since then: 10m, 14:30, 2026-11-21 14:30, RFC 3339'
            cand --until 'Only records made before then'
            cand -n 'Stop after N records'
            cand --count 'Stop after N records'
            cand --timeout 'Stop after this long; exits with 3 when -n records have not come by then'
            cand --input 'Read stored records or logs from these files instead (- is stdin)'
            cand -b 'Bind this endpoint, and print the one really bound to stderr; may be repeated'
            cand --bind 'Bind this endpoint, and print the one really bound to stderr; may be repeated'
            cand -c 'Connect to this endpoint; may be repeated'
            cand --connect 'Connect to this endpoint; may be repeated'
            cand --endpoint 'The endpoint when neither --bind nor --connect names one'
            cand --last 'First the last N records, of a relay with --keep; then what comes'
            cand --ask 'Whom to ask for them [default: the port after the endpoint''s, or its path and .ask]'
            cand --hwm 'High-water mark: messages held for this subscriber; 0 is no limit'
            cand --max-message 'Hang up on a publisher that sends a larger message'
            cand -o 'How to print records [default: pretty, or not at all with handlers]'
            cand --output 'How to print records [default: pretty, or not at all with handlers]'
            cand --format 'A format string as in Python''s logging (''%(asctime)s %(levelname)-8s %(message)s''), or one of basic, bare, syslog, pretty, json, logfmt'
            cand --style 'The style of --format: %, {, $, or auto'
            cand --extra 'Name an extra field that --format may use, and what stands for it where a record lacks it; may be repeated'
            cand --time-format 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]'
            cand --datefmt 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]'
            cand --dateformat 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]'
            cand --msec-format 'How milliseconds stand after the time in --format, where --time-format does not say; empty for none [default: %s,%03d]'
            cand -H 'Colour what matches, without leaving anything out'
            cand --highlight 'Colour what matches, without leaving anything out'
            cand --color 'When to colour; without a value, always'
            cand --show 'What stands after the level: the topic or the logger''s name'
            cand --separator 'What stands between the columns'
            cand --reorder 'Hold records this long and print those of all senders in order of creation'
            cand --stats 'Print rates for each topic and level to stderr, at the end or every INTERVAL'
            cand --file 'Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced as it grows, with when= by the clock, as Python does both'
            cand --smtp 'Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed'
            cand --syslog 'Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601'
            cand --exec 'Run this command, without a shell, for each batch of records: they are its input'
            cand --publish 'Publish again here, on a socket of its own'
            cand --console 'Print records too'
            cand --linger 'How long handlers, and a slow reader of what is printed, may take at the end'
            cand --whole-parts 'Topics match only at dots: app.ERROR leaves out app.ERRORS'
            cand --utc 'Times in UTC instead of local time'
            cand --timestamp 'Time and topic before the message in `text` output too, as `python -m zmq.log` does'
            cand --align 'Line up the columns (the default for `pretty`)'
            cand --no-align 'Do not line up the columns'
            cand --fail-on-loss 'Exit with 3 when a record was lost'
            cand -v 'Tell of connects, disconnects and failed handshakes on stderr'
            cand --verbose 'Tell of connects, disconnects and failed handshakes on stderr'
            cand -q 'No reports on stderr but errors'
            cand --quiet 'No reports on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;relay'= {
            cand --config 'Read handlers, routes to them, and any of these options from this TOML file. What is typed goes before it; SIGHUP reads it again'
            cand -b 'Collect here, from publishers that connect; may be repeated [default: tcp://127.0.0.1:12344]'
            cand --bind 'Collect here, from publishers that connect; may be repeated [default: tcp://127.0.0.1:12344]'
            cand -c 'Collect there, from a publisher that binds; may be repeated'
            cand --connect 'Collect there, from a publisher that binds; may be repeated'
            cand -r 'What the topics of these lines begin with'
            cand --root 'What the topics of these lines begin with'
            cand --stdin-level 'The level of a line that does not say its own [default: INFO]'
            cand --max-message 'Hang up on a publisher that sends a larger message'
            cand --listen 'Take what Python''s SocketHandler sends here [port: 9020], or to unix:PATH; may be repeated'
            cand --listen-udp 'Take what Python''s DatagramHandler sends here [port: 9021], or to unix:PATH; may be repeated'
            cand --max-record 'The longest record, pickled; a client that sends a longer one is cut off'
            cand --max-clients 'The most clients at once; more are turned away'
            cand -p 'Publish here, to subscribers that connect; may be repeated'
            cand --publish-bind 'Publish here, to subscribers that connect; may be repeated'
            cand --publish-connect 'Publish there, to a subscriber that binds; may be repeated'
            cand --endpoint 'Where to publish when neither --publish-bind nor --publish-connect says so'
            cand --on-full 'When a subscriber does not keep up, or a handler whose queue is full'
            cand --hwm 'High-water mark: messages held for each publisher and each subscriber; 0 is no limit'
            cand --linger 'At the end, how long to go on sending what has come, to subscribers and handlers'
            cand --file 'Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced as it grows, with when= by the clock, as Python does both'
            cand --smtp 'Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed'
            cand --syslog 'Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601'
            cand --exec 'Run this command, without a shell, for each batch of records: they are its input'
            cand --publish 'Publish again here, on a socket of its own'
            cand --console 'Print records too'
            cand --keep 'Keep the last N messages of each topic, for `zlog tail --last`. Publishers are then asked for everything'
            cand --keep-bytes 'Keep at most this much of all topics together; the oldest goes first'
            cand --ask 'Take questions here [default: the next port after each --publish-bind, or its path and .ask]'
            cand --status 'Ask the relay that publishes on ENDPOINT how it stands, and end'
            cand -o 'How to print the status'
            cand --output 'How to print the status'
            cand --report 'Print a line about rates, drops and peers to stderr every INTERVAL'
            cand --check 'Only say what is wrong with --config, all of it; nothing is opened'
            cand --stdin 'Collect lines of standard input, too; the relay goes on when they end'
            cand --allow-remote 'Listen where other machines can send, too: whoever reaches the port can write records'
            cand --no-ask 'Take no questions: no --status, no --last'
            cand -v 'Tell of connects, disconnects and failed handshakes on stderr'
            cand --verbose 'Tell of connects, disconnects and failed handshakes on stderr'
            cand -q 'No summary at the end'
            cand --quiet 'No summary at the end'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;bench'= {
            cand --handlers 'What to measure; pub and queue stand for each of their kinds'
            cand --size 'Log messages of this many bytes: 100, 4K, 1M'
            cand --lines 'Log the lines of this file, over and over, instead of test records'
            cand --python 'The Python for that [default: python3]'
            cand --threads 'Callers at the same time, each on a thread of its own'
            cand --rate 'Make so many calls each second, due or not, and time each from when it was due'
            cand --runs 'Rounds: each measures every handler once'
            cand -n 'End a run after N calls'
            cand --count 'End a run after N calls'
            cand --duration 'End a run after this long [default: 500ms, or none with --count]'
            cand --warm-up 'Log for so long before each run, unmeasured'
            cand --queue 'Records that a queue holds'
            cand --smtp 'Mail through this server: smtp://HOST:PORT [default: one of zlog''s own, on loopback]'
            cand --smtp-login-file 'Log in there as this file says, user:password, not as ZLOG_SMTP_USER and _PASSWORD say'
            cand --smtp-delay 'How long zlog''s own mail server holds each mail'
            cand --dir 'Where files are written while they are measured [default: the system''s for temporary files]'
            cand -o 'What to print'
            cand --output 'What to print'
            cand --export-markdown 'Write the tables as Markdown, too'
            cand --export-csv 'Write every figure as CSV, too'
            cand --plot 'Draw throughput and latencies, too: FILE.svg or FILE.png (may be given again)'
            cand --baseline 'Exit with 3 when a handler has become slower than in this report (--output json)'
            cand --tolerance 'How much slower it may be'
            cand --compare-python 'Measure Python''s handlers and PyZMQ''s, too, with the same records'
            cand --absolute 'Compare calls per second, not their ratio to `file` and `null`'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand bare-send 'Bare libzmq, sending: started by `zlog bench pipeline`'
            cand bare-receive 'Bare libzmq, receiving: started by `zlog bench pipeline`'
            cand worker 'One handler, or one far end: told on standard input'
            cand pipeline 'End to end, from emit to tail, beside bare libzmq'
            cand codec 'Records as JSON and as MessagePack: bytes, and how fast'
        }
        &'zlog;bench;bare-send'= {
            cand --connect 'A receiver'
            cand --wire 'What bodies are written as'
            cand --count 'Messages to send'
            cand --wait-for 'Receivers to wait for'
            cand --wait 'How long to wait for them'
            cand --linger 'How long the last messages may take to leave'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;bench;bare-receive'= {
            cand --bind 'Where senders connect'
            cand --topic 'What to subscribe to'
            cand --count 'Messages to receive'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'zlog;bench;worker'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'zlog;bench;pipeline'= {
            cand --transport 'What is between emit and tail'
            cand --wire 'What bodies are written as'
            cand --size 'Bytes of each message: 100, 4K; several make a sweep'
            cand --publishers 'Emitting processes; several numbers make a sweep'
            cand --subscribers 'Tailing processes, each of which gets every record; several numbers make a sweep'
            cand --topics 'Subscriptions of each tail, one of which is the records''; several numbers make a sweep'
            cand --runs 'Rounds: each measures every pipeline once, with zlog and with bare libzmq'
            cand -n 'Records of each emit in a run [default: 200000, and fewer large ones]'
            cand --count 'Records of each emit in a run [default: 200000, and fewer large ones]'
            cand --dir 'Where lines are read from and written to [default: the system''s for temporary files]'
            cand -o 'What to print'
            cand --output 'What to print'
            cand --export-markdown 'Write the tables as Markdown, too'
            cand --plot 'Draw how rate and cost change along the sweep: FILE.svg or FILE.png (may be given again)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;bench;codec'= {
            cand --size 'Messages of this many bytes [default: as test records come, some with tracebacks]'
            cand --runs 'Rounds: each measures every codec once'
            cand -n 'Records that each run encodes, and decodes'
            cand --count 'Records that each run encodes, and decodes'
            cand --warm-up 'Records that are encoded and decoded before, unmeasured'
            cand --seed 'Other test records'
            cand -o 'What to print'
            cand --output 'What to print'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;demo'= {
            cand -n 'Stop after N records; without it, at Ctrl-C'
            cand --count 'Stop after N records; without it, at Ctrl-C'
            cand --rate 'Records each second'
            cand --seed 'The same records again for the same seed'
            cand --color 'When to colour'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'zlog;help'= {
            cand emit 'Publish records: lines of stdin or files, a command''s output, test records'
            cand tail 'Subscribe to records and print them'
            cand relay 'Collect from many publishers, publish to many subscribers'
            cand bench 'Measure what a log call costs: publishing, files, mail'
            cand demo 'An emitter and a tail in one terminal, to look at'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'zlog;help;emit'= {
        }
        &'zlog;help;tail'= {
        }
        &'zlog;help;relay'= {
        }
        &'zlog;help;bench'= {
            cand bare-send 'Bare libzmq, sending: started by `zlog bench pipeline`'
            cand bare-receive 'Bare libzmq, receiving: started by `zlog bench pipeline`'
            cand worker 'One handler, or one far end: told on standard input'
            cand pipeline 'End to end, from emit to tail, beside bare libzmq'
            cand codec 'Records as JSON and as MessagePack: bytes, and how fast'
        }
        &'zlog;help;bench;bare-send'= {
        }
        &'zlog;help;bench;bare-receive'= {
        }
        &'zlog;help;bench;worker'= {
        }
        &'zlog;help;bench;pipeline'= {
        }
        &'zlog;help;bench;codec'= {
        }
        &'zlog;help;demo'= {
        }
        &'zlog;help;help'= {
        }
    ]
    $completions[$command]
}
