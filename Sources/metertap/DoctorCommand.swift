import AWS
import ArgumentParser
import Attachment
import Doctor
import HTTP
import MeterLine

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Find what loses meters on the way from log groups to the sink.",
        discussion: """
            Reads the log groups, their filters, the stream, the agent and its sink, and says of each thing that is wrong \
            what follows for the bill and what to do. It changes nothing. Without log groups it looks at all that have a \
            filter of ours. With METERTAP_URL and METERTAP_API_KEY the platform keeps the report, whose console shows it, \
            and its audits are looked at too.

            Exit code 0: nothing is wrong. 65: meters are being lost. 78: they will be when something else goes wrong. \
            77: something could not be looked at.

            Example:
              metertap doctor
              metertap doctor --prefix /app/ --json
            """)

    @OptionGroup var logGroups: LogGroupChoice

    @Option(help: "The name of our subscription filters.")
    var filterName = Wish.defaultFilterName

    @Option(
        help: "The tags that applications write, separated by commas, where the agent is told others (METERTAP_TAGS).")
    var tags: String?

    @OptionGroup var platform: PlatformOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        do {
            if let code = Self.exitCode(try await DoctorWork(self).run()) { throw code }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error).exitCode()
        }
    }

    /// Nil where nothing is wrong.
    private static func exitCode(_ severity: Doctor.Finding.Severity?) -> ExitCode? {
        switch severity {
        case .loss: .badData
        case .risk: .configuration
        case .unknown: .noPermission
        case .note, nil: nil
        }
    }
}

/// One run of `metertap doctor`: read, look, tell.
private struct DoctorWork {
    private let command: DoctorCommand
    private let settings: Settings
    private let region: String
    private let examiner: Examiner
    private let platform: PlatformClient?

    init(_ command: DoctorCommand) throws {
        self.command = command
        settings = try Settings(
            flags: [.url: command.platform.url, .tags: command.tags], command.platform.config)
        let aws = try AWSSettings.ofProcess()
        region = aws.region ?? ""
        let session = LogSession.make(try AsyncHTTPTransport(caBundle: aws.caBundle), aws)
        let tags = settings[.tags].map(LineReader.tags(separatedByCommas:)) ?? []
        _ = try LineReader(tags: tags.isEmpty ? LineReader.defaultTags : tags)
        var reader: Examiner.PlatformReader?
        if settings.isChosen(.url) {
            let client = try PlatformClient(settings)
            reader = { logGroups in await ExaminedPlatform.read(client, of: logGroups) }
            platform = client
        } else {
            platform = nil
        }
        examiner = Examiner(
            .init(
                selection: command.logGroups.selection, filterName: command.filterName, tags: tags,
                callsPerSecond: command.logGroups.rate), session: session, platform: reader)
    }

    /// The worst that was found.
    func run() async throws -> Doctor.Finding.Severity? {
        var progress = ProgressLine()
        progress.show("reading log groups, filters, the stream and the agent")
        let diagnosis = Diagnosis(await examiner.examine())
        progress.clear()
        let report = DiagnosisReport(diagnosis, region: region)
        let json = try DoctorReport.json(report)
        if command.output.json { Terminal.output(json) } else { DoctorReport.print(report) }
        if let platform { await tell(platform, json) }
        return diagnosis.severity
    }

    /// The console of the platform shows the report; without that it is as good.
    private func tell(_ platform: PlatformClient, _ report: String) async {
        guard let note = JSONTree(Array(report.utf8)) else { return }
        do {
            _ = try await platform.post("/diagnoses", note)
        } catch {
            Terminal.error("metertap: the platform was not told of this diagnosis: \(Failure(error).message)")
        }
    }
}
