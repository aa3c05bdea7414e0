import Hummingbird
import MeterLine
import Redrive
import Store

/// What tells how the platform is: its figures, whether it can work, and what it offers.
struct StatusRoutes: Sendable {
    let store: any Store
    let metrics: Metrics
    let readiness: Readiness
    let keys: KeyRing
    let silence: SilenceWatch
    let waiting: WaitingBoard
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.get, "/pipeline", .read) { _, _ in try await pipeline() },
            Route(.get, "/health", nil, parameters: nil) { _, _ in .json(Array("{\"status\":\"ok\"}".utf8)) },
            Route(.get, "/ready", nil, parameters: nil) { request, _ in await ready(request) },
            Route(.get, "/metrics", .read, parameters: nil) { _, _ in
                let text = metrics.text(try await store.pipeline(), newestEvent: try await store.newestEvent())
                return .text(text, type: "text/plain; version=0.0.4; charset=utf-8")
            },
            Route(.get, "/openapi.yaml", nil, parameters: nil) { _, _ in
                .text(String(decoding: PackageResources.openapi_yaml, as: UTF8.self), type: "application/yaml")
            },
        ]
    }

    /// Who has a key to read sees what was looked at; all others see only whether it works, for the checks name objects.
    private func ready(_ request: Request) async -> Response {
        let showsChecks = (try? await keys.check(request.headers, for: .read)) != nil
        let checks = await readiness.checks()
        let isReady = checks.allSatisfy(\.isOK)
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.literal("ready", isReady ? "true" : "false", &output)
        if showsChecks {
            object.name("checks", &output)
            Self.append(checks, to: &output) { check, output in
                var member = JSONObjectWriter(&output)
                member.member("name", check.name, &output)
                member.literal("ok", check.isOK ? "true" : "false", &output)
                member.member("detail", check.detail, &output)
                member.end(&output)
            }
        }
        object.end(&output)
        var response = Response.json(output, status: isReady ? .ok : .serviceUnavailable)
        if !isReady { response.headers[.retryAfter] = "5" }
        return response
    }

    private func pipeline() async throws -> Response {
        let pipeline = try await store.pipeline()
        let silent = silence.silent(in: pipeline, now: now())
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.member("received", pipeline.received, &output)
        object.member("counted", pipeline.counted, &output)
        object.member("duplicate", pipeline.duplicate, &output)
        object.member("cancelled", pipeline.cancelled, &output)
        object.member("undefined", pipeline.undefined, &output)
        object.member("rejected", pipeline.rejected, &output)
        object.member("dismissedRejects", pipeline.dismissedRejects, &output)
        object.member("expiredRejects", pipeline.expiredRejects, &output)
        object.member("resolvedRejects", pipeline.resolvedRejects, &output)
        object.member("unmatchedCancels", pipeline.unmatchedCancels, &output)
        object.literal(
            "frozenBeforeTimeInMillis", pipeline.frozenBefore > 0 ? "\(pipeline.frozenBefore)" : "null", &output)
        object.name("sources", &output)
        Self.append(pipeline.sources, to: &output) { source, output in
            Self.append(source, isSilent: silent.sources.contains(source.intake), to: &output)
        }
        object.name("undefinedMeters", &output)
        Self.append(pipeline.undefinedMeters, named: "meterApiName", to: &output)
        object.name("undefinedCustomers", &output)
        Self.append(pipeline.undefinedCustomers, named: "customerId", to: &output)
        object.name("ignoredKeys", &output)
        Self.append(pipeline.ignoredKeys, named: "key", to: &output)
        object.name("silentMeters", &output)
        Self.append(silent.meters, to: &output) { meter, output in
            var object = JSONObjectWriter(&output)
            object.member("meterApiName", meter.meterApiName, &output)
            object.member("lastTimeInMillis", meter.activity.last, &output)
            object.end(&output)
        }
        object.name("unopenedObjects", &output)
        Self.append(readiness.intake?.unopened ?? [], to: &output) { unopened, output in
            var object = JSONObjectWriter(&output)
            object.member("key", unopened.key, &output)
            object.member("reason", unopened.reason, &output)
            object.member("attempts", unopened.attempts, &output)
            object.end(&output)
        }
        object.name("waiting", &output)
        Self.append(waiting.places, to: &output, Self.append)
        object.end(&output)
        return .json(output)
    }

    private static func append(_ place: WaitingBoard.Place, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("name", place.name, &output)
        object.literal("complete", place.waiting?.isWhole == true ? "true" : "false", &output)
        if let problem = place.problem { object.member("problem", problem, &output) }
        object.name("kinds", &output)
        append(place.waiting?.counts ?? [], to: &output) { count, output in
            var object = JSONObjectWriter(&output)
            object.member("kind", count.kind.rawValue, &output)
            object.member("objects", count.objects, &output)
            object.member("bytes", count.bytes, &output)
            object.literal("oldestTimeInMillis", count.oldest.map { "\($0)" } ?? "null", &output)
            object.end(&output)
        }
        object.end(&output)
    }

    private static func append(_ source: Pipeline.Source, isSilent: Bool, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("kind", source.intake.kind.rawValue, &output)
        object.member("name", source.intake.name, &output)
        object.member("received", source.received, &output)
        object.member("accepted", source.received - source.duplicate - source.rejected, &output)
        object.member("duplicate", source.duplicate, &output)
        object.member("rejected", source.rejected, &output)
        object.literal("lastReceivedTimeInMillis", source.activity.map { "\($0.last)" } ?? "null", &output)
        object.literal("silent", isSilent ? "true" : "false", &output)
        if source.intake.kind == .bucket {
            object.member("objects", source.objects.read, &output)
            object.member("failedObjects", source.objects.failed, &output)
        }
        object.end(&output)
    }

    private static func append(
        _ counts: [Pipeline.NamedCount], named name: String, to output: inout [UInt8]
    ) {
        append(counts, to: &output) { count, output in
            var object = JSONObjectWriter(&output)
            object.member(name, count.name, &output)
            object.member("records", count.records, &output)
            object.end(&output)
        }
    }

    private static func append<Element>(
        _ elements: [Element], to output: inout [UInt8], _ body: (Element, inout [UInt8]) -> Void
    ) {
        output.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            body(element, &output)
        }
        output.append(UInt8(ascii: "]"))
    }
}
