import ArgumentParser
import FoundationEssentials
import Yams

/// The YAML file with settings: one member each, under the setting's name; and the lists of what a collector reads.
struct SettingsFile {
    /// A list that stands beside the settings.
    enum Section: String, CaseIterable {
        case connections
        case streams
    }

    private static let standardPath = "metertap.yaml"

    let path: String
    private(set) var values: [Setting: String] = [:]
    private(set) var sections: [Section: Node] = [:]

    /// Reads a file, or the one at hand when none is named.
    init(_ path: String?) throws {
        let file = path ?? Self.standardPath
        self.path = file
        guard path != nil || FileManager.default.fileExists(atPath: file) else { return }
        let text = String(decoding: try InputFile.read(file), as: UTF8.self)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Failure(message: "\(file) is no YAML: \(error)", code: .configuration)
        }
        try read(root, in: file)
    }

    private mutating func read(_ root: Node?, in file: String) throws {
        guard let root else { return }
        guard let mapping = root.mapping else {
            throw Failure(message: "\(file) must hold settings as name: value", code: .configuration)
        }
        for (key, value) in mapping {
            if let section = Section(rawValue: key.string ?? "") {
                sections[section] = value
                continue
            }
            guard let setting = Setting(rawValue: key.string ?? "") else {
                let known = (Setting.allCases.map(\.rawValue) + Section.allCases.map(\.rawValue)).joined(
                    separator: ", ")
                throw Failure(
                    message: "\(file): \(Table.printable(key.string ?? "a member")) is no setting; these are: \(known)",
                    code: .configuration)
            }
            let list = setting.isList ? value.sequence?.compactMap(\.scalar?.string).joined(separator: ",") : nil
            guard let text = value.scalar?.string ?? list else {
                throw Failure(message: "\(file): \(setting.rawValue) must be one value", code: .configuration)
            }
            if !text.isEmpty { values[setting] = text }
        }
    }
}
