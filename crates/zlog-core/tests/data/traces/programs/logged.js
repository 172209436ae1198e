console.error('INFO: up');
const error = new Error('disk full\nsecond line');
error.code = 'ENOSPC';
error.cause = new RangeError('too large');
console.error('ERROR: write failed:', 'see below');
console.error(error);
console.error('INFO: all');
console.error(new AggregateError([new Error('one'), new TypeError('two')], 'both failed'));
console.error('INFO: end');
