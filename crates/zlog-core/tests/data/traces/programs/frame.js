function read() {
  throw new TypeError('no such value\nsecond line');
}
try {
  read();
} catch (cause) {
  throw new Error('could not start', { cause });
}
