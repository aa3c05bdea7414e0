# Log::Log4perl with the appender for a screen, plain and coloured.

use strict;
use warnings;
use Log::Log4perl;

$| = 1;
my ($name, $records) = @ARGV;
my %appenders = (
    plain    => 'Log::Log4perl::Appender::Screen',
    coloured => 'Log::Log4perl::Appender::ScreenColoredLevels',
);
Log::Log4perl->init(\qq{
    log4perl.rootLogger = INFO, screen
    log4perl.appender.screen = $appenders{$name}
    log4perl.appender.screen.stderr = 0
    log4perl.appender.screen.layout = PatternLayout
    log4perl.appender.screen.layout.ConversionPattern = %d %p %c - %m%n
});
my $log = Log::Log4perl->get_logger('billing');

open(my $file, '<', $records) or die "$records: $!";
while (my $json = <$file>) {
    chomp $json;
    $log->info("amberflo_meter: $json");
    print "\x1e\n";
}
