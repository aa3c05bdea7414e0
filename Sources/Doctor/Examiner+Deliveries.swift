import AWS
import Attachment

extension Examiner {
    /// Reads the metrics that CloudWatch Logs keeps of each filter: of our name, on the log groups that are meant.
    ///
    /// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
    package func examineDeliveries(_ setUp: inout SetUp) async {
        let names = Set((setUp.logGroups.value ?? []).map(\.group.name))
        guard !names.isEmpty else { return }
        let (filter, day) = (setUp.filterName, Spans.day(before: setUp.now))
        setUp.deliveries = await .of { () throws(AWSError) in
            let client = try CloudWatchClient(session, region: region)
            var deliveries: [ExaminedDelivery] = []
            var metrics: [CloudWatchClient.Metric] = []
            // The type of the destination is one of a metric's dimensions, and written nowhere: so they are listed.
            for name in ["DeliveryErrors", "DeliveryThrottling"] {
                metrics += try await client.metrics("AWS/Logs", name, with: ["FilterName": filter])
                    .filter { $0.dimensions["LogGroupName"].map(names.contains) ?? false }
            }
            for (metric, values) in try await client.values(of: metrics, in: day, period: Spans.hour) {
                let sum = values.reduce(0, +)
                guard sum > 0 else { continue }
                let isErrors = metric.name == "DeliveryErrors"
                deliveries.append(
                    ExaminedDelivery(
                        logGroup: metric.dimensions["LogGroupName"] ?? "", filter: filter,
                        errors: isErrors ? sum : 0, throttled: isErrors ? 0 : sum))
            }
            return deliveries.sorted { $0.logGroup < $1.logGroup }
        }
    }
}
