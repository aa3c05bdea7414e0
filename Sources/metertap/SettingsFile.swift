import ArgumentParser
import FoundationEssentials
import Yams

/// The YAML file with settings: one member each, under the setting's name.
enum SettingsFile {
    private static let standardPath = "metertap.yaml"

    /// Reads a file, or the one at hand when none is named.
    static func read(_ path: String?) throws -> (path: String, values: [Setting: String]) {
        let file = path ?? standardPath
        guard path != nil || FileManager.default.fileExists(atPath: file) else { return (file, [:]) }
        let text = String(decoding: try InputFile.read(file), as: UTF8.self)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Failure(message: "\(file) is no YAML: \(error)", code: .configuration)
        }
        return (file, try values(of: root, in: file))
    }

    private static func values(of root: Node?, in file: String) throws -> [Setting: String] {
        guard let root else { return [:] }
        guard let mapping = root.mapping else {
            throw Failure(message: "\(file) must hold settings as name: value", code: .configuration)
        }
        var values: [Setting: String] = [:]
        for (key, value) in mapping {
            guard let setting = Setting(rawValue: key.string ?? "") else {
                let known = Setting.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure(
                    message: "\(file): \(Table.printable(key.string ?? "a member")) is no setting; these are: \(known)",
                    code: .configuration)
            }
            guard let text = value.scalar?.string else {
                throw Failure(message: "\(file): \(setting.rawValue) must be one value", code: .configuration)
            }
            if !text.isEmpty { values[setting] = text }
        }
        return values
    }
}
