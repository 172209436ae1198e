
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'zlog' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'zlog'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'zlog' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('emit', 'emit', [CompletionResultType]::ParameterValue, 'Publish records: lines of stdin or files, a command''s output, test records')
            [CompletionResult]::new('tail', 'tail', [CompletionResultType]::ParameterValue, 'Subscribe to records and print them')
            [CompletionResult]::new('relay', 'relay', [CompletionResultType]::ParameterValue, 'Collect from many publishers, publish to many subscribers')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure what a log call costs: publishing, files, mail')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'An emitter and a tail in one terminal, to look at')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'zlog;emit' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Publish the lines of these files')
            [CompletionResult]::new('--test', '--test', [CompletionResultType]::ParameterName, 'Publish N test records at random levels; without N, until stopped')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'The same test records again for the same seed')
            [CompletionResult]::new('--replay', '--replay', [CompletionResultType]::ParameterName, 'Publish stored records (`zlog tail --output json`) with their own spacing')
            [CompletionResult]::new('--speed', '--speed', [CompletionResultType]::ParameterName, 'How much faster than recorded: 10x, 0.5x, max')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Publish this one record; stdin is not read')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'Publish this one record; stdin is not read')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Take what Python''s SocketHandler sends here [port: 9020], or to unix:PATH; may be repeated')
            [CompletionResult]::new('--listen-udp', '--listen-udp', [CompletionResultType]::ParameterName, 'Take what Python''s DatagramHandler sends here [port: 9021], or to unix:PATH; may be repeated')
            [CompletionResult]::new('--max-record', '--max-record', [CompletionResultType]::ParameterName, 'The longest record, pickled; a client that sends a longer one is cut off')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'The most clients at once; more are turned away')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'What topics begin with')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'What topics begin with')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'The level of what does not say its own [default: INFO]')
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'The level of what does not say its own [default: INFO]')
            [CompletionResult]::new('--stderr-level', '--stderr-level', [CompletionResultType]::ParameterName, 'The same for a command''s stderr [default: WARNING]')
            [CompletionResult]::new('--subtopic', '--subtopic', [CompletionResultType]::ParameterName, 'What topics end with')
            [CompletionResult]::new('--topic-delim', '--topic-delim', [CompletionResultType]::ParameterName, 'Move what stands before DELIM in a line to the topic [DELIM is :: unless given]')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The logger''s name [default: the root, or `root`]')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'Who sends; must be unique among emitters [default: made from host and process]')
            [CompletionResult]::new('--pattern', '--pattern', [CompletionResultType]::ParameterName, 'Take lines apart by named groups: time, level, name, message, subtopic; others become extras')
            [CompletionResult]::new('--multiline', '--multiline', [CompletionResultType]::ParameterName, 'A line that matches begins a record; other lines belong to the one before')
            [CompletionResult]::new('--multiline-wait', '--multiline-wait', [CompletionResultType]::ParameterName, 'How long a record waits for the rest of its traceback')
            [CompletionResult]::new('--max-line', '--max-line', [CompletionResultType]::ParameterName, 'A longer line is published in pieces; one that begins with { may be eight times as long, since JSON is longer than the message in it')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Bind this endpoint, and print the one really bound to stderr; may be repeated')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Bind this endpoint, and print the one really bound to stderr; may be repeated')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Connect to this endpoint; may be repeated')
            [CompletionResult]::new('--connect', '--connect', [CompletionResultType]::ParameterName, 'Connect to this endpoint; may be repeated')
            [CompletionResult]::new('--endpoint', '--endpoint', [CompletionResultType]::ParameterName, 'The endpoint when neither --bind nor --connect names one')
            [CompletionResult]::new('--wire', '--wire', [CompletionResultType]::ParameterName, 'What to send')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'How long to wait for subscribers before the first record')
            [CompletionResult]::new('--wait-for', '--wait-for', [CompletionResultType]::ParameterName, 'How many subscribers to wait for; 0 is not to wait')
            [CompletionResult]::new('--on-full', '--on-full', [CompletionResultType]::ParameterName, 'What to do when a subscriber does not keep up')
            [CompletionResult]::new('--hwm', '--hwm', [CompletionResultType]::ParameterName, 'High-water mark: messages held for each subscriber; 0 is no limit')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'How long to go on sending what is held when the input has ended')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most this many records each second: 20, 20/s, 100/m')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Stop after N records')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N records')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this long')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on as the files grow, are truncated or rotated')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on as the files grow, are truncated or rotated')
            [CompletionResult]::new('--from-end', '--from-end', [CompletionResultType]::ParameterName, 'Start at the end of the files: publish only what is added from now on')
            [CompletionResult]::new('--allow-remote', '--allow-remote', [CompletionResultType]::ParameterName, 'Listen where other machines can send, too: whoever reaches the port can write records')
            [CompletionResult]::new('--trust-topic', '--trust-topic', [CompletionResultType]::ParameterName, 'Keep the topics that JSON and logfmt lines bring along, whatever they begin with')
            [CompletionResult]::new('--no-detect', '--no-detect', [CompletionResultType]::ParameterName, 'Do not look for levels, JSON or logfmt in the lines')
            [CompletionResult]::new('--no-multiline', '--no-multiline', [CompletionResultType]::ParameterName, 'Every line is a record: do not look for tracebacks')
            [CompletionResult]::new('--skip-empty', '--skip-empty', [CompletionResultType]::ParameterName, 'Leave out empty lines')
            [CompletionResult]::new('--fail-on-loss', '--fail-on-loss', [CompletionResultType]::ParameterName, 'Exit with 3 when a record was lost, or may have been; also at a signal')
            [CompletionResult]::new('--tee', '--tee', [CompletionResultType]::ParameterName, 'Also copy the input to stdout, untouched (a command''s stderr to stderr)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Leave out the summary and the progress line')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Leave out the summary and the progress line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'zlog;tail' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Another way to give TOPIC')
            [CompletionResult]::new('--topic', '--topic', [CompletionResultType]::ParameterName, 'Another way to give TOPIC')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Only this root, exactly; with --level, the publisher already leaves the rest out')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Only this root, exactly; with --level, the publisher already leaves the rest out')
            [CompletionResult]::new('--not', '--not', [CompletionResultType]::ParameterName, 'Leave these topics out')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Only this level and above: a name, or a number as Python has them')
            [CompletionResult]::new('--level', '--level', [CompletionResultType]::ParameterName, 'Only this level and above: a name, or a number as Python has them')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Only records whose message or traceback matches one of these')
            [CompletionResult]::new('--grep', '--grep', [CompletionResultType]::ParameterName, 'Only records whose message or traceback matches one of these')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Leave out records whose message or traceback matches one of these')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out records whose message or traceback matches one of these')
            [CompletionResult]::new('--from-source', '--from-source', [CompletionResultType]::ParameterName, 'Only records from these senders')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only records made since then: 10m, 14:30, 2026-11-21 14:30, RFC 3339')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Only records made before then')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Stop after N records')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N records')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Stop after this long; exits with 3 when -n records have not come by then')
            [CompletionResult]::new('--input', '--input', [CompletionResultType]::ParameterName, 'Read stored records or logs from these files instead (- is stdin)')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Bind this endpoint, and print the one really bound to stderr; may be repeated')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Bind this endpoint, and print the one really bound to stderr; may be repeated')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Connect to this endpoint; may be repeated')
            [CompletionResult]::new('--connect', '--connect', [CompletionResultType]::ParameterName, 'Connect to this endpoint; may be repeated')
            [CompletionResult]::new('--endpoint', '--endpoint', [CompletionResultType]::ParameterName, 'The endpoint when neither --bind nor --connect names one')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'First the last N records, of a relay with --keep; then what comes')
            [CompletionResult]::new('--ask', '--ask', [CompletionResultType]::ParameterName, 'Whom to ask for them [default: the port after the endpoint''s, or its path and .ask]')
            [CompletionResult]::new('--hwm', '--hwm', [CompletionResultType]::ParameterName, 'High-water mark: messages held for this subscriber; 0 is no limit')
            [CompletionResult]::new('--max-message', '--max-message', [CompletionResultType]::ParameterName, 'Hang up on a publisher that sends a larger message')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to print records [default: pretty, or not at all with handlers]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to print records [default: pretty, or not at all with handlers]')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'A format string as in Python''s logging (''%(asctime)s %(levelname)-8s %(message)s''), or one of basic, bare, syslog, pretty, json, logfmt')
            [CompletionResult]::new('--style', '--style', [CompletionResultType]::ParameterName, 'The style of --format: %, {, $, or auto')
            [CompletionResult]::new('--extra', '--extra', [CompletionResultType]::ParameterName, 'Name an extra field that --format may use, and what stands for it where a record lacks it; may be repeated')
            [CompletionResult]::new('--time-format', '--time-format', [CompletionResultType]::ParameterName, 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]')
            [CompletionResult]::new('--datefmt', '--datefmt', [CompletionResultType]::ParameterName, 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]')
            [CompletionResult]::new('--dateformat', '--dateformat', [CompletionResultType]::ParameterName, 'How to write times (strftime) [default: %Y-%m-%d %H:%M:%S and milliseconds]')
            [CompletionResult]::new('--msec-format', '--msec-format', [CompletionResultType]::ParameterName, 'How milliseconds stand after the time in --format, where --time-format does not say; empty for none [default: %s,%03d]')
            [CompletionResult]::new('--newlines', '--newlines', [CompletionResultType]::ParameterName, 'Newlines in messages and tracebacks; those of names and other fields are always escaped. json and logfmt have one line for each record anyway')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Colour what matches, without leaving anything out')
            [CompletionResult]::new('--highlight', '--highlight', [CompletionResultType]::ParameterName, 'Colour what matches, without leaving anything out')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; without a value, always')
            [CompletionResult]::new('--show', '--show', [CompletionResultType]::ParameterName, 'What stands after the level: the topic or the logger''s name')
            [CompletionResult]::new('--separator', '--separator', [CompletionResultType]::ParameterName, 'What stands between the columns')
            [CompletionResult]::new('--reorder', '--reorder', [CompletionResultType]::ParameterName, 'Hold records this long and print those of all senders in order of creation')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'Print rates for each topic and level to stderr, at the end or every INTERVAL')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced as it grows, with when= by the clock, as Python does both')
            [CompletionResult]::new('--smtp', '--smtp', [CompletionResultType]::ParameterName, 'Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed')
            [CompletionResult]::new('--syslog', '--syslog', [CompletionResultType]::ParameterName, 'Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command, without a shell, for each batch of records: they are its input')
            [CompletionResult]::new('--publish', '--publish', [CompletionResultType]::ParameterName, 'Publish again here, on a socket of its own')
            [CompletionResult]::new('--console', '--console', [CompletionResultType]::ParameterName, 'Print records too')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'How long handlers, and a slow reader of what is printed, may take at the end')
            [CompletionResult]::new('--whole-parts', '--whole-parts', [CompletionResultType]::ParameterName, 'Topics match only at dots: app.ERROR leaves out app.ERRORS')
            [CompletionResult]::new('--utc', '--utc', [CompletionResultType]::ParameterName, 'Times in UTC instead of local time')
            [CompletionResult]::new('--timestamp', '--timestamp', [CompletionResultType]::ParameterName, 'Time and topic before the message in `text` output too, as `python -m zmq.log` does')
            [CompletionResult]::new('--align', '--align', [CompletionResultType]::ParameterName, 'Line up the columns (the default for `pretty`)')
            [CompletionResult]::new('--no-align', '--no-align', [CompletionResultType]::ParameterName, 'Do not line up the columns')
            [CompletionResult]::new('--fail-on-loss', '--fail-on-loss', [CompletionResultType]::ParameterName, 'Exit with 3 when a record was lost, or may have been; also at a signal')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell of connects, disconnects and failed handshakes on stderr')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell of connects, disconnects and failed handshakes on stderr')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No reports on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No reports on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'zlog;relay' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read handlers, routes to them, and any of these options from this TOML file. What is typed goes before it; SIGHUP reads it again')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Collect here, from publishers that connect; may be repeated [default: tcp://127.0.0.1:12344]')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Collect here, from publishers that connect; may be repeated [default: tcp://127.0.0.1:12344]')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Collect there, from a publisher that binds; may be repeated')
            [CompletionResult]::new('--connect', '--connect', [CompletionResultType]::ParameterName, 'Collect there, from a publisher that binds; may be repeated')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'What the topics of these lines begin with')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'What the topics of these lines begin with')
            [CompletionResult]::new('--stdin-level', '--stdin-level', [CompletionResultType]::ParameterName, 'The level of a line that does not say its own [default: INFO]')
            [CompletionResult]::new('--max-message', '--max-message', [CompletionResultType]::ParameterName, 'Hang up on a publisher that sends a larger message')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Take what Python''s SocketHandler sends here [port: 9020], or to unix:PATH; may be repeated')
            [CompletionResult]::new('--listen-udp', '--listen-udp', [CompletionResultType]::ParameterName, 'Take what Python''s DatagramHandler sends here [port: 9021], or to unix:PATH; may be repeated')
            [CompletionResult]::new('--max-record', '--max-record', [CompletionResultType]::ParameterName, 'The longest record, pickled; a client that sends a longer one is cut off')
            [CompletionResult]::new('--max-clients', '--max-clients', [CompletionResultType]::ParameterName, 'The most clients at once; more are turned away')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Publish here, to subscribers that connect; may be repeated')
            [CompletionResult]::new('--publish-bind', '--publish-bind', [CompletionResultType]::ParameterName, 'Publish here, to subscribers that connect; may be repeated')
            [CompletionResult]::new('--publish-connect', '--publish-connect', [CompletionResultType]::ParameterName, 'Publish there, to a subscriber that binds; may be repeated')
            [CompletionResult]::new('--endpoint', '--endpoint', [CompletionResultType]::ParameterName, 'Where to publish when neither --publish-bind nor --publish-connect says so')
            [CompletionResult]::new('--on-full', '--on-full', [CompletionResultType]::ParameterName, 'When a subscriber does not keep up, or a handler whose queue is full')
            [CompletionResult]::new('--hwm', '--hwm', [CompletionResultType]::ParameterName, 'High-water mark: messages held for each publisher and each subscriber; 0 is no limit')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'At the end, how long to go on sending what has come, to subscribers and handlers')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Write to this file; may be repeated, as all handlers. With max-bytes= it is replaced as it grows, with when= by the clock, as Python does both')
            [CompletionResult]::new('--smtp', '--smtp', [CompletionResultType]::ParameterName, 'Send mails, of many records each, through the server smtp://HOST:PORT; to= is needed')
            [CompletionResult]::new('--syslog', '--syslog', [CompletionResultType]::ParameterName, 'Send to a syslog daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command, without a shell, for each batch of records: they are its input')
            [CompletionResult]::new('--publish', '--publish', [CompletionResultType]::ParameterName, 'Publish again here, on a socket of its own')
            [CompletionResult]::new('--console', '--console', [CompletionResultType]::ParameterName, 'Print records too')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Keep the last N messages of each topic, for `zlog tail --last`. Publishers are then asked for everything')
            [CompletionResult]::new('--keep-bytes', '--keep-bytes', [CompletionResultType]::ParameterName, 'Keep at most this much of all topics together; the oldest goes first')
            [CompletionResult]::new('--ask', '--ask', [CompletionResultType]::ParameterName, 'Take questions here [default: the next port after each --publish-bind, or its path and .ask]')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Ask the relay that publishes on ENDPOINT how it stands, and end')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How to print the status')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How to print the status')
            [CompletionResult]::new('--report', '--report', [CompletionResultType]::ParameterName, 'Print a line about rates, drops and peers to stderr every INTERVAL')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Only say what is wrong with --config, all of it. Nothing is opened, and no command, login file or path is looked for')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Collect lines of standard input, too; the relay goes on when they end')
            [CompletionResult]::new('--trust-topic', '--trust-topic', [CompletionResultType]::ParameterName, 'Keep the topics that JSON and logfmt lines bring along, whatever they begin with')
            [CompletionResult]::new('--allow-remote', '--allow-remote', [CompletionResultType]::ParameterName, 'Listen where other machines can send, too: whoever reaches the port can write records')
            [CompletionResult]::new('--no-ask', '--no-ask', [CompletionResultType]::ParameterName, 'Take no questions: no --status, no --last')
            [CompletionResult]::new('--fail-on-loss', '--fail-on-loss', [CompletionResultType]::ParameterName, 'Exit with 3 when a record was lost, or may have been; also at a signal')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell of connects, disconnects and failed handshakes on stderr')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell of connects, disconnects and failed handshakes on stderr')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'No summary at the end')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'No summary at the end')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'zlog;bench' {
            [CompletionResult]::new('--handlers', '--handlers', [CompletionResultType]::ParameterName, 'What to measure; pub and queue stand for each of their kinds')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Log messages of this many bytes: 100, 4K, 1M')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Log the lines of this file repeatedly instead of test records')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter for --compare-python [default: python3]')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Number of callers, each on its own thread')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Make N calls per second, and measure latency from when each call was due')
            [CompletionResult]::new('--runs', '--runs', [CompletionResultType]::ParameterName, 'Rounds: each measures every handler once')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'End a run after N calls')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End a run after N calls')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End a run after this long [default: 500ms, or none with --count]')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'Log for this long before each run, without measuring')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Capacity of a queue, in records')
            [CompletionResult]::new('--smtp', '--smtp', [CompletionResultType]::ParameterName, 'Send mails through this server: smtp://HOST:PORT [default: an embedded one on loopback]')
            [CompletionResult]::new('--smtp-login-file', '--smtp-login-file', [CompletionResultType]::ParameterName, 'File with that server''s login, user:password [default: ZLOG_SMTP_USER and _PASSWORD]')
            [CompletionResult]::new('--smtp-delay', '--smtp-delay', [CompletionResultType]::ParameterName, 'How long the embedded mail server holds each mail')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Directory for files written while measuring [default: the system''s temporary one]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print')
            [CompletionResult]::new('--export-markdown', '--export-markdown', [CompletionResultType]::ParameterName, 'Also write the tables as Markdown')
            [CompletionResult]::new('--export-csv', '--export-csv', [CompletionResultType]::ParameterName, 'Also write every figure as CSV')
            [CompletionResult]::new('--plot', '--plot', [CompletionResultType]::ParameterName, 'Also draw throughput and latencies: FILE.svg or FILE.png (may be given again)')
            [CompletionResult]::new('--baseline', '--baseline', [CompletionResultType]::ParameterName, 'Exit with 3 if a handler is slower than in this report (from --output json)')
            [CompletionResult]::new('--tolerance', '--tolerance', [CompletionResultType]::ParameterName, 'How much slower a handler may be')
            [CompletionResult]::new('--compare-python', '--compare-python', [CompletionResultType]::ParameterName, 'Also measure Python''s and PyZMQ''s handlers with the same records')
            [CompletionResult]::new('--absolute', '--absolute', [CompletionResultType]::ParameterName, 'Compare calls per second instead of ratios to `file` and `null`')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('pipeline', 'pipeline', [CompletionResultType]::ParameterValue, 'End to end, from emit to tail, beside bare libzmq')
            break
        }
        'zlog;bench;pipeline' {
            [CompletionResult]::new('--transport', '--transport', [CompletionResultType]::ParameterName, 'Transport between emit and tail')
            [CompletionResult]::new('--wire', '--wire', [CompletionResultType]::ParameterName, 'Wire format')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Bytes of each message: 100, 4K; several make a sweep')
            [CompletionResult]::new('--publishers', '--publishers', [CompletionResultType]::ParameterName, 'Number of emit processes; several make a sweep')
            [CompletionResult]::new('--subscribers', '--subscribers', [CompletionResultType]::ParameterName, 'Number of tail processes, each of which gets every record; several make a sweep')
            [CompletionResult]::new('--topics', '--topics', [CompletionResultType]::ParameterName, 'Subscriptions of each tail, one of which matches the records; several make a sweep')
            [CompletionResult]::new('--runs', '--runs', [CompletionResultType]::ParameterName, 'Rounds: each measures every pipeline once, with zlog and with bare libzmq')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Records of each emit in a run [default: 200000, and fewer large ones]')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Records of each emit in a run [default: 200000, and fewer large ones]')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Directory for the files of lines [default: the system''s temporary one]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print')
            [CompletionResult]::new('--export-markdown', '--export-markdown', [CompletionResultType]::ParameterName, 'Also write the tables as Markdown')
            [CompletionResult]::new('--plot', '--plot', [CompletionResultType]::ParameterName, 'Draw how rate and cost change along the sweep: FILE.svg or FILE.png (may be given again)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'zlog;demo' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Stop after N records; without it, at Ctrl-C')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N records; without it, at Ctrl-C')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Records each second')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'The same records again for the same seed')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'zlog;help' {
            [CompletionResult]::new('emit', 'emit', [CompletionResultType]::ParameterValue, 'Publish records: lines of stdin or files, a command''s output, test records')
            [CompletionResult]::new('tail', 'tail', [CompletionResultType]::ParameterValue, 'Subscribe to records and print them')
            [CompletionResult]::new('relay', 'relay', [CompletionResultType]::ParameterValue, 'Collect from many publishers, publish to many subscribers')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure what a log call costs: publishing, files, mail')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'An emitter and a tail in one terminal, to look at')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'zlog;help;emit' {
            break
        }
        'zlog;help;tail' {
            break
        }
        'zlog;help;relay' {
            break
        }
        'zlog;help;bench' {
            [CompletionResult]::new('pipeline', 'pipeline', [CompletionResultType]::ParameterValue, 'End to end, from emit to tail, beside bare libzmq')
            break
        }
        'zlog;help;bench;pipeline' {
            break
        }
        'zlog;help;demo' {
            break
        }
        'zlog;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
