import Delivery
import MeterLine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Works on a Lambda event as several cores would, one step after the other, and tells by the processor time of the steps
/// how long it would take if nothing else ran on the machine: a figure that a busy machine does not spoil.
struct Sharing: Sendable {
    private struct Nowhere: ObjectStore {
        let name = "nowhere"

        func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {}

        func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {}
    }

    let event: [UInt8]

    /// Writes the seconds with one core and with two, round by round.
    func print(rounds: Int) async throws {
        for _ in 0..<rounds { Swift.print(try await seconds(cores: 1), try await seconds(cores: 2)) }
    }

    /// The seconds from the event to its answer.
    func seconds(cores: Int) async throws -> Double {
        let begin = Self.processorSeconds()
        guard case .kinesis(let records) = try LambdaEvent(event.span) else { return .nan }
        let delivery = KinesisDelivery(
            lineReader: try LineReader(), sink: StoreSink(Nowhere()), rejects: Nowhere(), provenance: true, cores: cores
        )
        var schedule = delivery.schedule(records, of: event, deadline: nil)
        var now = Self.processorSeconds() - begin
        var waiting: [KinesisSchedule.Step] = []
        var running: [(end: Double, done: KinesisSchedule.Done)] = []
        while true {
            while let step = schedule.next(at: .now) { waiting.append(step) }
            while running.count < cores, !waiting.isEmpty {
                let start = Self.processorSeconds()
                let done = await delivery.perform(waiting.removeFirst(), of: schedule.envelopes, nil)
                running.append((now + Self.processorSeconds() - start, done))
            }
            guard let first = running.indices.min(by: { running[$0].end < running[$1].end }) else { return now }
            let ended = running.remove(at: first)
            now = ended.end
            schedule.take(ended.done, at: .now)
        }
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
