import AWS
import FoundationEssentials

extension Examiner {
    /// How many pages of log events of one millisecond are looked at.
    private static let pagesOfMoment = 3

    /// Reads what the platform tells, and reads back from the logs what it has received.
    package func examinePlatform(_ setUp: inout SetUp) async {
        guard let platform else { return }
        setUp.platform = await platform((setUp.logGroups.value ?? []).map(\.group))
        guard let samples = setUp.platform.value?.samples, !samples.isEmpty else { return }
        setUp.identities = await .of { () throws(AWSError) in
            let client = try CloudWatchLogsClient(session, region: region)
            var identities: [ExaminedIdentity] = []
            for sample in samples {
                if let identity = try await identity(sample, client) { identities.append(identity) }
            }
            return identities
        }
    }

    /// Nil where there are more log events of that time than are looked at, or the log group is gone.
    private func identity(
        _ sample: ExaminedPlatform.Sample, _ client: CloudWatchLogsClient
    ) async throws(AWSError) -> ExaminedIdentity? {
        struct Page: Decodable {
            struct Event: Decodable {
                var eventId: String?
            }

            var events: [Event]?
            var nextToken: String?
        }
        var query = CloudWatchLogsClient.EventQuery(
            logGroup: sample.logGroup, times: sample.timestamp..<sample.timestamp + 1)
        var events = 0
        for _ in 0..<Self.pagesOfMoment {
            let bytes: [UInt8]
            do { bytes = try await client.filterLogEvents(query) } catch {
                if error.code == "ResourceNotFoundException" { return nil }
                throw error
            }
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(bytes)) else { return nil }
            let ids = (page.events ?? []).compactMap(\.eventId)
            events += ids.count
            if ids.contains(sample.eventID) {
                return ExaminedIdentity(logGroup: sample.logGroup, events: events, isFound: true)
            }
            guard let token = page.nextToken else {
                return ExaminedIdentity(logGroup: sample.logGroup, events: events, isFound: false)
            }
            query.token = token
        }
        return nil
    }
}
