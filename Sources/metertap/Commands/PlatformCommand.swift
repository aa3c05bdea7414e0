import ArgumentParser

/// A command that speaks with a platform.
protocol PlatformCommand: AsyncParsableCommand {
    var platform: PlatformOptions { get }
    func work(_ client: PlatformClient) async throws
}

extension PlatformCommand {
    func run() async throws {
        do {
            let flags: [Setting: String?] = [.url: platform.url]
            try await work(try PlatformClient(try Settings(flags: flags, platform.config)))
        } catch let failure as Failure {
            throw failure.exitCode()
        }
    }
}

/// Where the platform is.
struct PlatformOptions: ParsableArguments {
    @Option(help: "The platform's address (default: http://127.0.0.1:8080).")
    var url: String?

    @OptionGroup var config: ConfigOptions
}

/// `--json`, for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the API's JSON instead of a table.")
    var json = false
}
