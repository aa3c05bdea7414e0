import ArgumentParser
import FoundationEssentials
import Store

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the platform's data into one file, also while the platform runs.",
        discussion: """
            Everything that was acknowledged before the copy began is in it. The copy is checked before it gets its name.

            Example:
              metertap backup --data var/metertap backups/metertap-2026-11-01.sqlite
            """)

    @OptionGroup var platform: DataOptions

    @Argument(help: "The file to write; there must be none.")
    var file: String

    func run() async throws {
        try StoreFailure.catching {
            let data = try platform.directory()
            let count = try SQLiteStore.backUp("\(data)/\(SQLiteStore.fileName)", to: file)
            Terminal.output("\(file) holds \(Display.count(count)) records.")
        }
    }
}

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a data directory of a backup.",
        discussion: """
            Restore into a directory that holds no data, then start the platform on it. Send again what came after the \
            backup, or let the bucket be read: what the backup holds already is counted once.

            Example:
              metertap restore --data var/metertap backups/metertap-2026-11-01.sqlite
            """)

    @OptionGroup var platform: DataOptions

    @Argument(help: "The backup.")
    var file: String

    func run() async throws {
        try StoreFailure.catching {
            let data = try platform.directory()
            do {
                _ = try PrivateFiles.prepareDirectory(data, holding: SQLiteStore.fileName)
            } catch {
                throw Failure(message: "the directory \(data) cannot be made", code: .inputOutput)
            }
            let count = try SQLiteStore.restore(file, to: "\(data)/\(SQLiteStore.fileName)")
            Terminal.output("\(data) holds \(Display.count(count)) records; start the platform with --data \(data).")
        }
    }
}

/// Where a platform's data is.
struct DataOptions: ParsableArguments {
    @Option(help: "The directory of the platform's data (default: metertap-data).")
    var data: String?

    @OptionGroup var config: ConfigOptions

    func directory() throws -> String {
        try Settings(flags: [.data: data], config).text(.data)
    }
}

/// The store's errors as the command line tells them.
enum StoreFailure {
    static func catching(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let failure as Failure {
            throw failure.exitCode()
        } catch let error as StoreError {
            let code: ExitCode =
                switch error.kind {
                case .unavailable: .inputOutput
                case .invalid, .notFound: .configuration
                default: .badData
                }
            throw Failure(message: error.description, code: code).exitCode()
        }
    }
}
