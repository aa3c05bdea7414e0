import ArgumentParser
import Delivery
import MeterLine
import Platform

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the settings.", subcommands: [Check.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Show what is set, and where; secrets are masked.",
            discussion: """
                A setting comes from its flag, else from the environment (METERTAP_RETENTION_DAYS for --retention-days), else \
                from the file, else it is the default. Exits with 78 when metertap up would refuse the settings.

                Example:
                  metertap config check --config /etc/metertap.yaml
                """)

        @OptionGroup var config: ConfigOptions

        @OptionGroup var output: OutputOptions

        func run() async throws {
            do {
                let settings = try Settings(config)
                show(settings)
                _ = try PlatformSettings(settings)
                _ = try ConnectionList.read(settings.file)
                _ = try StreamList.read(settings.file, state: settings.text(.state))
            } catch let error as Failure {
                throw error.exitCode()
            } catch let error as SettingError {
                throw Failure(message: error.description, code: .configuration).exitCode()
            }
        }

        private func show(_ settings: Settings) {
            let rows = Setting.allCases.map { setting in
                let value = settings[setting].map { setting.isSecret ? "********" : $0 }
                return (setting.rawValue, value, settings.origin(of: setting))
            }
            guard !output.json else {
                let tree = rows.map { name, value, origin in
                    JSONTree.object([
                        .init("setting", .string(name)), .init("value", value.map { .string($0) } ?? .null),
                        .init("origin", origin.map { .string($0) } ?? .null),
                    ])
                }
                return Terminal.output(JSONTree.array(tree).json)
            }
            var table = Table("setting", "value", "from")
            for (name, value, origin) in rows { table.add([name, value ?? "", origin ?? "not set"]) }
            table.print(orElse: "")
        }
    }
}
