import ArgumentParser
import Delivery

/// What this executable was built from.
enum Build {
    static let version = Release.version

    static var description: String { "metertap \(version) (\(configuration))" }

    private static var configuration: String {
        #if DEBUG
            "debug build"
        #else
            "release build"
        #endif
    }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version.", discussion: "Example:\n  metertap version")

    func run() {
        print(Build.description)
    }
}
