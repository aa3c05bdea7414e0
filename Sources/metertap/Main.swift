import ArgumentParser
import HTTP

@main
enum Main {
    static func main() {
        NameService.useFilesAndDNS()
        MainThread.wait { await Metertap.main() }
    }
}

/// Each command tells its name, since to derive it from the type's takes longer than all else before the work begins.
struct Metertap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metertap",
        abstract: "Write a log line, get a billable meter.",
        discussion: "Metertap finds the meter records that an application writes among its logs and delivers each one "
            + "once. Start with `metertap extract --help`.",
        version: Build.description,
        subcommands: [
            Up.self, Extract.self, Usage.self, Meters.self, Customers.self, Keys.self, Events.self, Rejects.self,
            Ingest.self, AttachCommand.self, DetachCommand.self, CollectCommand.self, BackfillCommand.self,
            AuditCommand.self, DoctorCommand.self, RedriveCommand.self, Template.self, Backup.self, Restore.self,
            Config.self, Version.self,
        ])
}
