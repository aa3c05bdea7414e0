import ArgumentParser
import Delivery
import FoundationEssentials
import HTTP
import MeterLine

/// The settings of a command: each from its flag, else the environment, else a file, else what is standard.
struct Settings {
    /// Where a setting is from.
    enum Origin {
        case flag
        case environment
        case file(String)
        case standard
    }

    /// The file, of which some commands take more.
    let file: SettingsFile
    private let values: [Setting: (text: String, origin: Origin)]
    /// The process's environment, with what flags and the file say in it, for those who read variables.
    let environment: [String: String]

    /// Reads the settings.
    ///
    /// - Parameters:
    ///   - flags: what was set on the command line.
    ///   - options: which file to read.
    /// - Throws: `Failure` when the file cannot be read or holds what is no setting.
    init(
        flags: [Setting: String?] = [:], _ options: ConfigOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        file = try SettingsFile(options.config)
        var values: [Setting: (text: String, origin: Origin)] = [:]
        for setting in Setting.allCases {
            if let text = flags[setting] ?? nil {
                values[setting] = (text, .flag)
            } else if let text = environment[setting.variable], !text.isEmpty {
                values[setting] = (text, .environment)
            } else if let text = file.values[setting] {
                values[setting] = (text, .file(file.path))
            } else if let text = setting.standard {
                values[setting] = (text, .standard)
            }
        }
        self.values = values
        var environment = environment
        for (setting, value) in values {
            if case .standard = value.origin { continue }
            environment[setting.variable] = value.text
        }
        self.environment = environment
        for setting in Setting.allCases {
            if let problem = SettingError.problem(of: text(setting)) { throw failure(setting, problem) }
        }
        guard let tags = self[.tags] else { return }
        do { _ = try LineReader(tags: LineReader.tags(separatedByCommas: tags)) } catch {
            throw failure(.tags, "is wrong: \(error)")
        }
    }

    /// What an agent would find in its environment.
    ///
    /// - Parameter sink: where records go when no sink is set.
    func agent(sink: String?) throws(SettingError) -> AgentSettings {
        var variables = environment
        variables[Setting.sink.variable] = self[.sink] ?? sink
        return try AgentSettings(environment: variables)
    }

    /// The same, for records that go to one place whatever the settings say.
    func agent(into sink: String) throws(SettingError) -> AgentSettings {
        var variables = environment
        variables[Setting.sink.variable] = sink
        return try AgentSettings(environment: variables)
    }

    /// A length of time such as `90s`, `24h` or `14d2h`, in milliseconds.
    func duration(_ setting: Setting) throws -> Int64 {
        guard let duration = TimeSpan.parse(text(setting)) else {
            throw failure(setting, "must be a length of time such as 10s, 24h or 14d2h")
        }
        return duration
    }

    /// Several lengths of time; none for `none`.
    func durations(_ setting: Setting) throws -> [Int64] {
        guard text(setting) != "none" else { return [] }
        return try text(setting).split(separator: ",").map { part in
            guard let duration = TimeSpan.parse(part.filter { $0 != " " }) else {
                throw failure(setting, "must be lengths of time such as 1h, 24h, 14d2h, or none")
            }
            return duration
        }
    }

    subscript(_ setting: Setting) -> String? { values[setting]?.text }

    /// A setting that has a standard.
    func text(_ setting: Setting) -> String { self[setting] ?? "" }

    func number(_ setting: Setting, in range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(text(setting)), range.contains(number) else {
            throw failure(setting, "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func isOn(_ setting: Setting) throws -> Bool {
        guard let value = Bool(text(setting)) else { throw failure(setting, "must be true or false") }
        return value
    }

    /// The name under which somebody set it.
    func name(of setting: Setting) -> String {
        switch values[setting]?.origin {
        case .flag, nil: "--\(setting.rawValue)"
        case .environment: setting.variable
        case .file(let path): "\(setting.rawValue) in \(path)"
        case .standard: setting.rawValue
        }
    }

    /// Whether somebody set it.
    func isChosen(_ setting: Setting) -> Bool {
        switch values[setting]?.origin {
        case .standard, nil: false
        case .flag, .environment, .file: true
        }
    }

    /// Where it is from, for people; nil when it is not set.
    func origin(of setting: Setting) -> String? {
        switch values[setting]?.origin {
        case nil: nil
        case .flag: "--\(setting.rawValue)"
        case .environment: setting.variable
        case .file(let path): path
        case .standard: "default"
        }
    }

    private func failure(_ setting: Setting, _ problem: String) -> Failure {
        let isFlag = if case .flag? = values[setting]?.origin { true } else { false }
        return Failure(
            message: "\(name(of: setting)) \(problem)", code: isFlag ? .validationFailure : .configuration)
    }
}

/// `--config`, which every command with settings has.
struct ConfigOptions: ParsableArguments {
    @Option(help: "A YAML file with settings (default: metertap.yaml, when there is one).")
    var config: String?
}

/// Lengths of time as people write them.
enum TimeSpan {
    /// Ten years.
    private static let longest: Int64 = 3_650 * 86_400_000
    private static let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]

    /// Milliseconds of `90s`, `24h`, `14d2h`; nil for anything else, and for nothing or more than ten years.
    static func parse(_ text: some StringProtocol) -> Int64? {
        var (total, digits): (Int64, String) = (0, "")
        for character in text {
            if character.isASCII, character.isNumber, digits.count < 9 {
                digits.append(character)
            } else if let unit = units[character], let count = Int64(digits) {
                (total, digits) = (total + count * unit, "")
                guard total <= longest else { return nil }
            } else {
                return nil
            }
        }
        return digits.isEmpty && total > 0 ? total : nil
    }
}
