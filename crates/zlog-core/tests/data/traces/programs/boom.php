<?php
function read() { throw new InvalidArgumentException("first line\nsecond line"); }
function open() {
    try {
        read();
    } catch (Exception $e) {
        throw new RuntimeException("could not open", 3, $e);
    }
}
fwrite(STDERR, "[2026-11-26 10:00:00] app.INFO: up\n");
try {
    open();
} catch (Exception $e) {
    fwrite(STDERR, "[2026-11-26 10:00:01] app.ERROR: failed: " . $e . "\n");
}
fwrite(STDERR, "[2026-11-26 10:00:02] app.INFO: on\n");
open();
