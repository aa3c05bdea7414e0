import Hummingbird
import Platform
import Store

/// What the doctor has found: the latest diagnosis of each account and region, those before, and a button to look again.
struct DoctorScreen: Sendable {
    /// So many accounts and regions are shown in full; a table names all.
    private static let shownInFull = 5
    private static let mostPlaces = 100
    private static let newest = 200

    let parts: PlatformParts
    let pages: Pages
    let doctor: ResidentDoctor?

    var screens: [Screen] {
        [
            Screen(.get, "/doctor", .read, showLatest),
            Screen(.get, "/doctor/{id}", .read, showOne),
            Screen(.post, "/doctor/look", .admin, look),
        ]
    }

    // MARK: - The latest ones

    private struct Place {
        let path: String
        let name: String
        let result: String
        let style: String
        let counts: [String]
        let time: Time
        let who: String
    }

    private struct Latest {
        let canLook: Bool
        let isResident: Bool
        let looking: Looking?
        let problem: String?
        let isEmpty: Bool
        let address: String
        let hasPlaces: Bool
        let severities: [String]
        let places: [Place]
        let diagnoses: [DiagnosisContent]
        let hasEarlier: Bool
        let earlier: [Place]
    }

    private struct Looking {
        let since: Time
        let who: String
    }

    private func showLatest(_ visit: Visit) async throws -> Response {
        // The state comes first: what ends meanwhile is looked for again, and not missed.
        let state = doctor?.state
        let latest = try await Self.standing(parts.store)
        let isLatest = Set(latest.compactMap(\.id))
        let earlier = try await parts.store.diagnoses(limit: Self.newest).filter { !isLatest.contains($0.id ?? 0) }
        var diagnoses: [DiagnosisContent] = []
        for id in latest.prefix(Self.shownInFull).compactMap(\.id) {
            if let diagnosis = try await parts.store.diagnosis(id) { diagnoses.append(DiagnosisContent(diagnosis)) }
        }
        let content = Latest(
            canLook: doctor != nil && visit.isAdmin && state?.looking == nil, isResident: doctor != nil,
            looking: state?.looking.map { Looking(since: Time($0.since), who: Show.name($0.who)) },
            problem: state?.problem.map(Show.sentence), isEmpty: latest.isEmpty,
            address: visit.address(parts.settings), hasPlaces: latest.count > 1,
            severities: StoredDiagnosis.Severity.allCases.map(\.column), places: latest.map(Self.place),
            diagnoses: diagnoses, hasEarlier: !earlier.isEmpty, earlier: earlier.map(Self.place))
        return try pages.show(
            Page(
                title: "Doctor", section: .doctor, template: "doctor", content: content,
                isWaiting: state?.looking != nil), to: visit)
    }

    private static func place(_ diagnosis: StoredDiagnosis) -> Place {
        Place(
            path: path(diagnosis), name: name(diagnosis), result: diagnosis.severity.result,
            style: diagnosis.severity.style,
            counts: StoredDiagnosis.Severity.allCases.map { Show.count(diagnosis.counts[$0]) },
            time: Time(diagnosis.time), who: Show.name(diagnosis.who))
    }

    /// Where a diagnosis's page is.
    static func path(_ diagnosis: StoredDiagnosis) -> String { Link("/doctor/\(diagnosis.id ?? 0)").text }

    /// The account and region, as people read it.
    static func name(_ diagnosis: StoredDiagnosis) -> String {
        let account = diagnosis.account.isEmpty ? "unknown account" : Show.text(diagnosis.account)
        return diagnosis.region.isEmpty ? account : "\(account), \(Show.text(diagnosis.region))"
    }

    /// The latest diagnosis of each account and region, the worst first.
    ///
    /// One whose account could not be asked for is settled by any later one of its region.
    static func standing(_ store: any Store) async throws -> [StoredDiagnosis] {
        let latest = try await store.latestDiagnoses(limit: mostPlaces)
        let standing = latest.enumerated().filter { index, diagnosis in
            !diagnosis.account.isEmpty
                || !latest[..<index].contains { diagnosis.region.isEmpty || isSame($0.region, diagnosis.region) }
        }
        return standing.map(\.element)
            .sorted { ($0.severity.rank, $1.id ?? 0) < ($1.severity.rank, $0.id ?? 0) }
    }

    // MARK: - One diagnosis

    private func showOne(_ visit: Visit) async throws -> Response {
        guard let id = Int64(visit.parameter("id")), let diagnosis = try await parts.store.diagnosis(id) else {
            throw APIError(.notFound, "there is no diagnosis of this number")
        }
        return try pages.show(
            Page(
                title: "Diagnosis of \(Self.name(diagnosis))", section: .doctor, template: "diagnosis-page",
                content: DiagnosisContent(diagnosis)), to: visit)
    }

    // MARK: - Looking again

    private func look(_ visit: Visit) async throws -> Response {
        guard let doctor else {
            throw APIError(.notFound, "this platform was started without a region of AWS, so that it cannot look")
        }
        // Whether it looks already or not: the page says so.
        doctor.askToLook(who: visit.session.who)
        return .redirect(to: Link("/doctor").text)
    }
}

/// A diagnosis as a page shows it.
private struct DiagnosisContent {
    struct Group {
        let title: String
        let count: String
        let meaning: String
        let findings: [Finding]
    }

    struct Finding {
        let style: String
        let finding: [Passage]
        let check: String
        let subject: String
        let consequence: [Passage]
        let remedy: [Passage]
        let hasEvidence: Bool
        let evidence: [String]
    }

    let name: String
    let result: String
    let style: String
    let time: Time
    let who: String
    let looked: String
    let isWell: Bool
    let groups: [Group]
    let left: String?

    init(_ diagnosis: StoredDiagnosis) {
        let findings = diagnosis.findings ?? []
        let all = StoredDiagnosis.Severity.allCases.reduce(0) { $0 + diagnosis.counts[$1] }
        name = DoctorScreen.name(diagnosis)
        result = diagnosis.severity.result
        style = diagnosis.severity.style
        time = Time(diagnosis.time)
        who = Show.name(diagnosis.who)
        looked = Self.looked(diagnosis.looked)
        isWell = diagnosis.severity == nil
        groups = StoredDiagnosis.Severity.allCases.compactMap { severity in
            let ofSeverity = findings.filter { $0.severity == severity }
            guard !ofSeverity.isEmpty else { return nil }
            return Group(
                title: severity.title, count: Show.count(diagnosis.counts[severity]), meaning: severity.meaning,
                findings: ofSeverity.map(Self.finding))
        }
        left = all > findings.count ? Show.count(all - findings.count) : nil
    }

    private static func finding(_ finding: StoredDiagnosis.Finding) -> Finding {
        Finding(
            style: Optional(finding.severity).style, finding: Passage.passages(of: finding.finding),
            check: Show.name(finding.check), subject: Show.name(finding.subject),
            consequence: Passage.passages(of: finding.consequence),
            remedy: Passage.passages(of: finding.remedy, commandsApart: true), hasEvidence: !finding.evidence.isEmpty,
            evidence: finding.evidence.map(Show.text))
    }

    private static func looked(_ looked: StoredDiagnosis.Looked) -> String {
        func count(_ count: Int, _ word: String) -> String { "\(Show.count(count)) \(word)\(count == 1 ? "" : "s")" }
        return "\(count(looked.logGroups, "log group")), \(count(looked.streams, "stream")) and "
            + "\(count(looked.functions, "agent")) with \(count(looked.checks, "check"))"
    }
}

/// A part of a sentence in which code stands between backticks.
struct Passage: Equatable {
    var text: String?
    var code: String?
    /// Code that one runs.
    var command: String?

    /// Takes a sentence apart; a backtick without another one is itself.
    ///
    /// - Parameter commandsApart: whether code of several words is a command.
    static func passages(of text: String, commandsApart: Bool = false) -> [Passage] {
        var passages: [Passage] = []
        var rest = text.unicodeScalars[...]
        while let (before, code, after) = split(rest) {
            append(before, to: &passages)
            let shown = Show.text(String(code))
            let isCommand = commandsApart && code.contains(" ")
            passages.append(isCommand ? Passage(command: shown) : Passage(code: shown))
            rest = after
        }
        append(rest, to: &passages)
        return passages
    }

    private typealias Scalars = Substring.UnicodeScalarView

    /// What stands before, within and after the first pair of backticks.
    private static func split(_ text: Scalars) -> (Scalars, Scalars, Scalars)? {
        guard let first = text.firstIndex(of: "`") else { return nil }
        let start = text.index(after: first)
        guard let last = text[start...].firstIndex(of: "`"), last > start else { return nil }
        return (text[..<first], text[start..<last], text[text.index(after: last)...])
    }

    /// A command stands on lines of its own, so that no text begins with the comma behind it.
    private static func append(_ text: Scalars, to passages: inout [Passage]) {
        let shown = passages.last?.command == nil ? text : text.drop { ".,;: ".unicodeScalars.contains($0) }
        if !shown.isEmpty { passages.append(Passage(text: Show.text(String(shown)))) }
    }
}

extension StoredDiagnosis.Severity {
    /// The head of a column of counts.
    fileprivate var column: String {
        switch self {
        case .loss: "Losses"
        case .risk: "Risks"
        case .unknown: "Not looked at"
        case .note: "Notes"
        }
    }

    /// The head of a group of findings.
    fileprivate var title: String {
        switch self {
        case .loss: "What loses meters"
        case .risk: "What is a risk"
        case .unknown: "What was not looked at"
        case .note: "Worth knowing"
        }
    }

    fileprivate var meaning: String {
        switch self {
        case .loss: "Meters are being lost or counted wrongly, or are not billed until somebody does something."
        case .risk: "Meters will be lost, late or counted wrongly when something else goes wrong."
        case .unknown: "The doctor could not read it, so that nobody knows."
        case .note: "Nothing is lost by it."
        }
    }
}

extension StoredDiagnosis.Severity? {
    /// What came out, in a few words.
    fileprivate var result: String {
        switch self {
        case .loss: "meters are lost"
        case .risk: "at risk"
        case .unknown: "not all was looked at"
        case .note: "notes alone"
        case nil: "nothing is wrong"
        }
    }

    fileprivate var style: String {
        switch self {
        case .loss: "bad"
        case .risk, .unknown: "warn"
        case .note: "plain"
        case nil: "good"
        }
    }

    /// From bad to harmless.
    fileprivate var rank: Int {
        flatMap { StoredDiagnosis.Severity.allCases.firstIndex(of: $0) } ?? StoredDiagnosis.Severity.allCases.count
    }
}
