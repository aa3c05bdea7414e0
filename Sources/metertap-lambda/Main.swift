import AWS
import CGlibc
import Delivery
import FoundationEssentials
import HTTP
import LambdaRuntime
import MeterLine
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The Lambda function: `bootstrap` of the runtime `provided.al2023`.
@main
enum Main {
    static func main() {
        NameService.useFilesAndDNS()
        metertap_give_back_large_memory()
        MainThread.wait { await run() }
    }

    private static func run() async {
        let environment = ProcessInfo.processInfo.environment
        guard let api = environment["AWS_LAMBDA_RUNTIME_API"] else {
            StandardError.write(
                "metertap-lambda runs inside AWS Lambda, which sets AWS_LAMBDA_RUNTIME_API. "
                    + "To try the agent on this machine, use `metertap extract`.")
            exit(78)
        }
        do {
            let transport = try AsyncHTTPTransport(caBundle: nil)
            let runtime = LambdaRuntime(api: api, transport: transport)
            let agent: Agent
            do {
                agent = try await makeAgent(environment)
            } catch {
                StandardError.write("metertap-lambda cannot start: \(error)")
                await runtime.reportInitError(error)
                exit(78)
            }
            try await runtime.run { invocation in
                let outcome: Agent.Outcome
                do throws(LambdaEvent.Unsupported) {
                    outcome = try await agent.handle(
                        invocation.payload, requestID: invocation.requestID, deadline: invocation.deadline)
                } catch {
                    StandardError.write("metertap-lambda: \(error)")
                    throw error
                }
                if let line = outcome.log { try FileDescriptor.standardOutput.writeAll("\(line)\n".utf8) }
                if let failure = outcome.failure { throw failure }
                return outcome.answer
            }
        } catch {
            StandardError.write("metertap-lambda stops: \(error)")
            exit(70)
        }
    }

    private static func makeAgent(_ environment: [String: String]) async throws -> Agent {
        let settings = try AgentSettings(environment: environment)
        let aws = try AWSSettings.ofProcess()
        let transport = try AsyncHTTPTransport(caBundle: aws.caBundle)
        return try await Agent(
            settings: settings, session: AWSSession(settings: aws, transport: transport), transport: transport)
    }
}
