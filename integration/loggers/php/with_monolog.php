<?php

// Monolog with its formatters.

require '/usr/share/php/Monolog/autoload.php';

use Monolog\Formatter\JsonFormatter;
use Monolog\Formatter\LineFormatter;
use Monolog\Formatter\LogstashFormatter;
use Monolog\Handler\StreamHandler;
use Monolog\Logger;
use Monolog\Processor\PsrLogMessageProcessor;

[, $name, $records] = $argv;
[$form, $way] = explode('-', $name);

$handler = new StreamHandler('php://stdout');
$handler->setFormatter(match ($form) {
    'line' => new LineFormatter(),
    'json' => new JsonFormatter(),
    'logstash' => new LogstashFormatter('billing'),
});
$log = new Logger('billing', [$handler], [new PsrLogMessageProcessor()]);
$ways = [
    'text' => fn (array $record) => $log->info('amberflo_meter: ' . json_encode($record)),
    'context' => fn (array $record) => $log->info('metered', ['amberflo_meter' => $record]),
    'placeholder' => fn (array $record) => $log->info('amberflo_meter: {record}', ['record' => json_encode($record)]),
    'both' => fn (array $record) =>
        $log->info('amberflo_meter: {amberflo_meter}', ['amberflo_meter' => json_encode($record)]),
];

foreach (file($records) as $line) {
    $ways[$way](json_decode($line, true));
    echo "\x1e\n";
}
