import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The part that all programs here share: log each record, and end each log event with a record separator. */
class Calls {
    static final ObjectMapper json = new ObjectMapper();

    /** Logs a record once, of which it gets the JSON text and the fields. */
    interface Call {
        void log(String text, Map<String, Object> record) throws Exception;
    }

    static void run(Path records, Call call) throws Exception {
        for (String line : Files.readAllLines(records)) {
            @SuppressWarnings("unchecked")
            Map<String, Object> record = json.readValue(line, Map.class);
            call.log(json.writeValueAsString(record), record);
            System.err.flush();
            System.out.print("\u001e\n");
            System.out.flush();
        }
    }
}
