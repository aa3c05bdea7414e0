import ArgumentParser

/// A command that speaks with a platform.
protocol PlatformCommand: AsyncParsableCommand {
    func work(_ client: PlatformClient) async throws
}

extension PlatformCommand {
    func run() async throws {
        do {
            try await work(try PlatformClient())
        } catch let failure as Failure {
            throw failure.exitCode()
        }
    }
}

/// `--json`, for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the API's JSON instead of a table.")
    var json = false
}
