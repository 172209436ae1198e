use strict; use warnings;
use Carp qw(confess cluck);
$| = 1;
print STDERR "2026-11-26 10:00:00 INFO up\n";
sub open_it { my ($path) = @_; confess "could not open $path" }
eval { open_it("/nowhere", undef) };
print STDERR "2026-11-26 10:00:01 ERROR failed: $@";
warn "odd value";
print STDERR "2026-11-26 10:00:02 INFO on\n";
sub deep { die "cannot go on\n" if $_[0] > 5; my $x = $_[0]; open_it("/x") }
deep(1);
