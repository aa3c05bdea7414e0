import static net.logstash.logback.argument.StructuredArguments.kv;
import static net.logstash.logback.argument.StructuredArguments.raw;
import static net.logstash.logback.marker.Markers.append;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import java.nio.file.Path;
import java.util.Map;
import net.logstash.logback.encoder.LogstashEncoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Logback with patterns, and with the encoder for Logstash. */
class WithLogback {
    private static Encoder<ILoggingEvent> pattern(String pattern) {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setPattern(pattern);
        return encoder;
    }

    public static void main(String[] arguments) throws Exception {
        Encoder<ILoggingEvent> plain = pattern("%d{HH:mm:ss.SSS} [%thread] %-5level %logger{36} - %msg%n");
        Map<String, Encoder<ILoggingEvent>> encoders = Map.of(
            "pattern", plain,
            "map", plain,
            "colours", pattern("%d{HH:mm:ss.SSS} %highlight(%-5level) %cyan(%logger{36}) - %msg%n"),
            "colours-message", pattern("%d{HH:mm:ss.SSS} %highlight(%-5level) - %cyan(%msg) %n"));
        LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
        Encoder<ILoggingEvent> encoder = encoders.getOrDefault(arguments[0], new LogstashEncoder());
        encoder.setContext(context);
        encoder.start();
        ConsoleAppender<ILoggingEvent> out = new ConsoleAppender<>();
        out.setContext(context);
        out.setEncoder(encoder);
        out.start();
        context.getLogger(Logger.ROOT_LOGGER_NAME).detachAndStopAllAppenders();
        context.getLogger(Logger.ROOT_LOGGER_NAME).addAppender(out);
        Logger log = LoggerFactory.getLogger("billing");

        Map<String, Calls.Call> others = Map.of(
            "logstash-field", (text, record) -> log.info("metered", kv("amberflo_meter", record)),
            "logstash-raw", (text, record) -> log.info("metered", raw("amberflo_meter", text)),
            "logstash-marker", (text, record) -> log.info(append("amberflo_meter", record), "metered"),
            "logstash-both", (text, record) -> log.info("metered {}", kv("amberflo_meter", text)),
            "logstash-map", (text, record) -> log.info("metered {}", kv("amberflo_meter", record)),
            "map", (text, record) -> log.info("amberflo_meter: {}", record),
            "logstash-context", (text, record) -> {
                try (MDC.MDCCloseable closed = MDC.putCloseable("amberflo_meter", text)) {
                    log.info("metered");
                }
            });
        Calls.Call message = (text, record) -> log.info("amberflo_meter: {}", text);
        Calls.run(Path.of(arguments[1]), others.getOrDefault(arguments[0], message));
    }
}
