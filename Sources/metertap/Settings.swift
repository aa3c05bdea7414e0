import ArgumentParser
import FoundationEssentials

/// The settings of a command: each from its flag, else the environment, else a file, else what is standard.
struct Settings {
    /// Where a setting is from.
    enum Origin {
        case flag
        case environment
        case file(String)
        case standard
    }

    private let values: [Setting: (text: String, origin: Origin)]

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
        let file = try SettingsFile.read(options.config)
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
