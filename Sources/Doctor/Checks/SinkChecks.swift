import AWS

/// Whether the agent could deliver, by its own word.
enum SinkChecks {
    static func run(_ setUp: SetUp) -> [Finding] {
        let functions = setUp.functions.values.sorted { $0.arn < $1.arn }
        let failures = functions.compactMap { function in
            function.probe.error.map { (subject: function.arn, error: $0) }
        }
        return Finding.unreadable(.sinkWritable, failures, what: "whether the agent may write to its sink")
            + functions.flatMap(places)
    }

    private static func places(_ function: ExaminedFunction) -> [Finding] {
        switch function.probe.value {
        case nil: []
        case .answered(let answer):
            sink(answer.sink, function) + rejects("rejects", answer.rejects, function)
                + (answer.manifest.map { rejects("manifests", $0, function) } ?? [])
        case .isOlder:
            [
                Finding(
                    .sinkWritable, .unknown, function.arn,
                    "The agent is older than this program, and cannot be asked whether it may write to its sink.",
                    consequence: "If it may not, nobody is told here, and nothing is billed.",
                    remedy: "Deploy the agent of this release, and run the doctor again.",
                    evidence: ["Invoke: the event is not known"])
            ]
        case .failed(let error):
            [
                Finding(
                    .sinkWritable, .loss, function.arn, "The agent fails when it is called.",
                    consequence: "What it was to deliver comes again until it is too old, and is then given up: the "
                        + "meters are late, or on no bill.",
                    remedy: "The error says why; docs/operations.md explains the errors of the agent.",
                    evidence: ["Invoke: \(error)"])
            ]
        }
    }

    private static func sink(_ place: ExaminedFunction.ProbeAnswer.Place, _ function: ExaminedFunction) -> [Finding] {
        guard !place.writable else { return [] }
        return [
            Finding(
                .sinkWritable, severity(place), place.url, "The agent \(function.name) cannot write to its sink.",
                consequence: "Nothing is billed until this is mended, and what becomes too old is given up.",
                remedy: remedy(place, "METERTAP_SINK", "ingest/records/*", function), evidence: evidence(place))
        ]
    }

    private static func rejects(
        _ what: String, _ place: ExaminedFunction.ProbeAnswer.Place, _ function: ExaminedFunction
    ) -> [Finding] {
        guard !place.writable else { return [] }
        return [
            Finding(
                .rejectsWritable, severity(place), place.url, "The agent \(function.name) cannot write its \(what).",
                consequence: what == "rejects"
                    ? "The first line that is no valid record holds up its whole batch: nothing of it is billed until "
                        + "this is mended."
                    : "No batch is acknowledged: it comes again until it is too old, and is then given up.",
                remedy: remedy(place, "METERTAP_REJECTS", what == "rejects" ? "rejects/*" : "manifest/*", function),
                evidence: evidence(place))
        ]
    }

    private static func severity(_ place: ExaminedFunction.ProbeAnswer.Place) -> Finding.Severity {
        place.errorKind == "transient" ? .risk : .loss
    }

    private static func evidence(_ place: ExaminedFunction.ProbeAnswer.Place) -> [String] {
        [place.error ?? "the agent gave no reason"]
    }

    private static func remedy(
        _ place: ExaminedFunction.ProbeAnswer.Place, _ setting: String, _ keys: String, _ function: ExaminedFunction
    ) -> String {
        if place.errorKind == "transient" { return "Look whether it answers now, and run the doctor again." }
        guard place.url.hasPrefix("s3://") else {
            return "Check \(setting) of the function \(function.name), and that the API key is valid and may ingest."
        }
        let bucket = place.url.dropFirst("s3://".count)
        return
            "Check that the bucket of \(setting) is there, and allow s3:PutObject on "
            + "arn:\(ARN.partition(of: function.arn)):s3:::\(bucket)\(keys) to "
            + "the role of \(function.name), or to the credentials that it is told to use; where the bucket has a key of "
            + "its own, also kms:GenerateDataKey."
    }
}
