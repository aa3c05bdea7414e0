import Delivery
import MeterLine
import Testing

@Suite("The agent's settings")
struct SettingsTests {
    private func problem(_ environment: [String: String]) -> String? {
        do throws(SettingError) {
            _ = try AgentSettings(environment: environment)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("are complete with a bucket of one's own")
    func bucket() {
        #expect(problem(["METERTAP_SINK": "s3://bucket"]) == nil)
        #expect(problem(["METERTAP_SINK": "s3://bucket/a/b/", "METERTAP_LOG_LEVEL": "error"]) == nil)
        #expect(problem(["METERTAP_SINK": "file:///tmp/x", "METERTAP_PROVENANCE": "false"]) == nil)
    }

    @Test(
        "name the variable that is wrong",
        arguments: [
            ([:], "METERTAP_SINK"), (["METERTAP_SINK": ""], "METERTAP_SINK"), (["METERTAP_SINK": "-"], "METERTAP_SINK"),
            (["METERTAP_SINK": "s3://"], "METERTAP_SINK"), (["METERTAP_SINK": "bucket"], "METERTAP_SINK"),
            (["METERTAP_SINK": "https://h/ingest"], "METERTAP_API_KEY"),
            (["METERTAP_SINK": "https://h/ingest", "METERTAP_API_KEY": "k"], "METERTAP_REJECTS"),
            (
                ["METERTAP_SINK": "s3://meters", "METERTAP_SINK_ROLE_ARN": "arn:aws:iam::111122223333:role/r"],
                "METERTAP_REJECTS"
            ),
            (["METERTAP_SINK": "s3://meters", "METERTAP_SINK_CREDENTIALS_SECRET_ARN": "sink"], "METERTAP_REJECTS"),
            (["METERTAP_SINK": "s3://meters", "METERTAP_REJECTS": "https://h"], "METERTAP_REJECTS"),
            (["METERTAP_SINK": "s3://meters", "METERTAP_PROVENANCE": "yes"], "METERTAP_PROVENANCE"),
            (["METERTAP_SINK": "s3://meters", "METERTAP_LOG_LEVEL": "loud"], "METERTAP_LOG_LEVEL"),
            (["METERTAP_SINK": "s3://meters", "METERTAP_SINK_EXTERNAL_ID": "x"], "METERTAP_SINK_EXTERNAL_ID"),
            (
                ["METERTAP_SINK": "file:///x", "METERTAP_SINK_ROLE_ARN": "arn:aws:iam::111122223333:role/r"],
                "METERTAP_SINK_ROLE_ARN"
            ),
        ] as [([String: String], String)])
    func problems(environment: [String: String], variable: String) {
        #expect(problem(environment)?.hasPrefix("\(variable):") == true)
    }

    @Test("never print a URL, which may hold a password")
    func secrets() {
        #expect(problem(["METERTAP_SINK": "https://user:s3cret@h/ingest"])?.contains("s3cret") == false)
    }

    @Test("with another account's bucket want a place of one's own for rejects")
    func otherAccount() {
        #expect(
            problem([
                "METERTAP_SINK": "s3://theirs", "METERTAP_SINK_ROLE_ARN": "arn:aws:iam::111122223333:role/r",
                "METERTAP_REJECTS": "s3://ours/rejects",
            ]) == nil)
    }
}

@Suite("A directory as a store")
struct DirectoryStoreTests {
    @Test("names the directory that cannot be written, and what it means")
    func unwritable() async throws {
        let agent = Agent(
            reader: try LineReader(), sink: StoreSink(DirectoryStore("/proc/metertap")),
            rejects: DirectoryStore("/proc/metertap"),
            provenance: true)
        let event = Array("{\"awslogs\":{\"data\":\"bm8=\"}}".utf8)
        let failure = try await agent.handle(event, requestID: "r", deadline: nil).failure
        #expect(failure?.description.contains("/proc/metertap") == true)
        #expect(failure?.description.contains("not delivered") == true)
    }

    @Test(
        "tell by the memory of a Lambda function whether it has several cores",
        arguments: [(nil, 4), (128, 1), (1_769, 1), (1_770, 4), (10_240, 4)])
    func cores(memory: Int?, count: Int) {
        #expect(AgentSettings.cores(ofMemory: memory, available: 4) == count)
    }
}
