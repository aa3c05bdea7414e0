import java.nio.file.Path;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;

/** java.util.logging, whose console handler writes two lines for each message. */
class WithLogging {
    private static final Logger log = Logger.getLogger("billing");

    public static void main(String[] arguments) throws Exception {
        Map<String, Calls.Call> calls = Map.of(
            "text", (text, record) -> log.info("amberflo_meter: " + text),
            "parameter", (text, record) -> log.log(Level.INFO, "amberflo_meter: {0}", text),
            "map", (text, record) -> log.log(Level.INFO, "amberflo_meter: {0}", record));
        Calls.run(Path.of(arguments[1]), calls.get(arguments[0]));
    }
}
