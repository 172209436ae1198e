print STDERR "2026-11-26 10:00:00 INFO up\n";
my $data = "not a reference"; use strict;
print $data->{x};
