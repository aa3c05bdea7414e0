import AWS
import Delivery
import Redrive

extension Examiner {
    package func examineWaiting(_ setUp: inout SetUp) async {
        for (location, region) in Self.places(setUp) {
            guard case .bucket(let bucket, let prefix) = location else { continue }
            setUp.waiting["s3://\(bucket)/\(prefix)"] = await waiting(location, region)
        }
    }

    /// Where the agents' failed events, rejects and records go; a directory is the agent's own.
    static func places(_ setUp: SetUp) -> [Location: String?] {
        var places: [Location: String?] = [:]
        for function in setUp.functions.values {
            guard case .success(let settings)? = function.settings else { continue }
            places[settings.sink] = .some(settings.sinkRegion)
            places[settings.rejects] = .some(settings.rejectsRegion)
        }
        let mappings = setUp.streams.values.flatMap { $0.mappings.value ?? [] }
            .filter { MappingChecks.isOfAgent($0, setUp) }
        let destinations =
            mappings.compactMap(\.failureDestination)
            + setUp.functions.values.compactMap { $0.asynchronousCalls.value?.failureDestination }
        for arn in destinations where MappingChecks.isBucket(arn) {
            guard let name = arn.split(separator: ":").last else { continue }
            // Lambda wants it in the function's region.
            if places[.bucket(String(name), prefix: "")] == nil {
                places[.bucket(String(name), prefix: "")] = .some(nil)
            }
        }
        return places
    }

    private func waiting(_ location: Location, _ region: String?) async -> Reading<ExaminedWaiting> {
        do {
            let waiting = try await WaitingObjects(in: location.bucket(session, region: region ?? self.region))
            return .read(
                ExaminedWaiting(
                    counts: waiting.counts.map {
                        .init($0.kind, objects: $0.objects, oldest: $0.oldest, newest: $0.newest)
                    }, isWhole: waiting.isWhole))
        } catch let error as AWSError {
            return .failed(error)
        } catch {
            return .failed(
                AWSError(
                    kind: .refused, code: "Unreadable", message: "\(error)", operation: "S3 ListObjectsV2",
                    resource: "\(location)"))
        }
    }
}
