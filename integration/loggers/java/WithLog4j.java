import java.nio.file.Path;
import java.util.Map;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.apache.logging.log4j.ThreadContext;
import org.apache.logging.log4j.core.Layout;
import org.apache.logging.log4j.core.appender.ConsoleAppender;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.logging.log4j.core.config.builder.api.ConfigurationBuilder;
import org.apache.logging.log4j.core.config.builder.api.ConfigurationBuilderFactory;
import org.apache.logging.log4j.core.config.builder.api.LayoutComponentBuilder;
import org.apache.logging.log4j.message.StringMapMessage;

/** Log4j 2. */
class WithLog4j {
    private static final ConfigurationBuilder<?> builder = ConfigurationBuilderFactory.newConfigurationBuilder();

    private static LayoutComponentBuilder pattern(String pattern) {
        return builder.newLayout("PatternLayout").addAttribute("pattern", pattern).addAttribute("disableAnsi", false);
    }

    private static LayoutComponentBuilder json() {
        return builder.newLayout("JsonLayout").addAttribute("properties", true);
    }

    public static void main(String[] arguments) throws Exception {
        String plain = "%d{ISO8601} %-5p [%t] %c{1} - %m%n";
        Map<String, LayoutComponentBuilder> layouts = Map.of(
            "pattern", pattern(plain),
            "colours", pattern("%highlight{%d{ISO8601} %-5p [%t] %c{1} - %m}%n"),
            "json", json(),
            "json-compact", json().addAttribute("compact", true).addAttribute("eventEol", true),
            "json-context", json().addAttribute("compact", true).addAttribute("eventEol", true),
            "json-pattern", pattern("{\"level\":\"%p\",\"message\":\"%enc{%m}{JSON}\"}%n"),
            "context", pattern("%d{ISO8601} %-5p %X - %m%n"),
            "map", pattern(plain),
            "map-message", pattern(plain));
        builder.add(builder.newAppender("out", "Console")
            .addAttribute("target", ConsoleAppender.Target.SYSTEM_OUT).add(layouts.get(arguments[0])));
        builder.add(builder.newRootLogger(Level.INFO).add(builder.newAppenderRef("out")));
        Configurator.initialize(builder.build());
        Logger log = LogManager.getLogger("billing");

        Calls.Call context = (text, record) -> {
            ThreadContext.put("amberflo_meter", text);
            log.info("metered");
            ThreadContext.remove("amberflo_meter");
        };
        Map<String, Calls.Call> others = Map.of(
            "json-context", context,
            "context", context,
            "map", (text, record) -> log.info("amberflo_meter: {}", record),
            "map-message", (text, record) -> log.info(new StringMapMessage().with("amberflo_meter", text)));
        Calls.Call message = (text, record) -> log.info("amberflo_meter: {}", text);
        Calls.run(Path.of(arguments[1]), others.getOrDefault(arguments[0], message));
    }
}
