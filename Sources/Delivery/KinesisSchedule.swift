import MeterLine

/// What is read and what is delivered next, so that several cores share the Kinesis records of one event.
///
/// Runs of records are read side by side. What is found in them is put together in the order of the shard and delivered in
/// pieces, side by side too; each piece becomes a batch, with objects of its own. Where pieces end depends on the records
/// alone, unless the time runs out. Nothing here does I/O or looks at a clock.
///
/// Memory stays bounded: what is read ahead and not yet delivered is about `budget`. Records state the size that they
/// decompress to. One that is larger than the budget, or than it states, is read while nothing else happens; with one core
/// all are.
package struct KinesisSchedule {
    /// Consecutive records of one shard that are delivered together.
    package struct Piece: Sendable {
        var range: Range<Int>
        /// What was found in each; nil where they are still to be read, one after the other.
        var found: [KinesisEnvelopes.Found]?
        /// The size of the lines in `found`.
        var bytes = 0
    }

    /// A piece of work for one task.
    package enum Step: Sendable {
        case read(KinesisEnvelopes.Run)
        case deliver(Piece)
    }

    /// What came of a step.
    package enum Done: Sendable {
        /// For each record what was found in it; nil for one that needs more memory than it may have.
        case read(KinesisEnvelopes.Run, [KinesisEnvelopes.Found?])
        case delivered(Piece, KinesisDelivery.Outcome)
    }

    /// How many bytes several cores may hold at a time.
    private static let budgetOfSeveral = 16 << 20
    /// A piece holds this many bytes of lines at least, if there are as many: each object costs a put.
    private static let leastPiece = 1 << 20

    /// The records of the event.
    package let envelopes: KinesisEnvelopes
    private let runs: [KinesisEnvelopes.Run]
    private let cores: Int
    private let budget: Int
    /// When no other step may begin.
    private let deadline: ContinuousClock.Instant?

    /// The first run that is not read yet.
    private var nextRun = 0
    /// The first run of which nothing is in a piece yet.
    private var nextFound = 0
    /// What was found in the runs from there on.
    private var found: [Int: [KinesisEnvelopes.Found?]] = [:]
    /// What these runs state to decompress to.
    private var statedBytes: Int
    /// The piece to which the next findings belong.
    private var open: Piece?
    /// The pieces to deliver next.
    private var closed: [Piece] = []
    /// From this moment on a piece waits for no more findings: half of the time is for delivery.
    private var hurry: ContinuousClock.Instant?

    /// How many steps have begun and not ended.
    private var running = 0
    /// Whether records are read one after the other, with nothing beside it.
    private var isAlone = false
    /// What the runs that are being read state, and the size of what was found and is not delivered.
    private var heldBytes = 0
    private var outcomes: [Int: KinesisDelivery.Outcome] = [:]
    private var error: DeliveryError?

    init(_ envelopes: KinesisEnvelopes, cores: Int, deadline: ContinuousClock.Instant?, at now: ContinuousClock.Instant)
    {
        self.envelopes = envelopes
        runs = envelopes.runs()
        statedBytes = runs.reduce(0) { $0 + $1.bytes }
        self.cores = cores
        budget = cores > 1 ? Self.budgetOfSeveral : 0
        self.deadline = deadline
        setHurry(now)
    }

    /// A step that may begin now; nil as long as others must end first, and when there is none.
    package mutating func next(at now: ContinuousClock.Instant) -> Step? {
        leaveLargeRuns()
        guard error == nil, !isAlone, !closed.isEmpty || nextFound < runs.count else { return nil }
        if let deadline, now >= deadline {
            error = DeliveryError(.deadline, "the invocation's time was over before all records were read")
            return nil
        }
        if let piece = closed.first {
            guard piece.found != nil || running == 0 else { return nil }
            isAlone = piece.found == nil
            closed.removeFirst()
            running += 1
            return .deliver(piece)
        }
        guard nextRun < runs.count else { return nil }
        let run = runs[nextRun]
        guard run.bytes <= budget, running == 0 || heldBytes + run.bytes <= budget else { return nil }
        running += 1
        heldBytes += run.bytes
        nextRun += 1
        return .read(run)
    }

    /// Takes what came of a step.
    package mutating func take(_ done: Done, at now: ContinuousClock.Instant) {
        running -= 1
        isAlone = false
        switch done {
        case .read(let run, let found):
            heldBytes += found.reduce(0) { $0 + ($1?.lines.bytes ?? 0) } - run.bytes
            self.found[run.range.lowerBound] = found
            putTogether()
            if let hurry, now >= hurry {
                close()
                setHurry(now)
            }
        case .delivered(let piece, let outcome):
            heldBytes -= piece.bytes
            outcomes[piece.range.lowerBound] = outcome
            error = error ?? outcome.error
        }
    }

    /// How far all of it came.
    package var outcome: KinesisDelivery.Outcome {
        var whole = KinesisDelivery.Outcome()
        for (start, outcome) in outcomes.sorted(by: { $0.key < $1.key }) { whole.add(outcome, from: start) }
        // A piece's own error says more than that the time was over for the next one.
        whole.error = whole.error ?? error
        return whole
    }

    // MARK: - Pieces

    /// Leaves the next runs to be read one after the other if they are too large to be read ahead; nothing behind them is
    /// read before.
    private mutating func leaveLargeRuns() {
        while nextRun == nextFound, nextRun < runs.count, runs[nextRun].bytes > budget {
            found[runs[nextRun].range.lowerBound] = runs[nextRun].range.map { _ in nil }
            nextRun += 1
            putTogether()
        }
    }

    /// Puts into pieces what was found, as far as there is no gap.
    private mutating func putTogether() {
        while nextFound < runs.count, let found = found.removeValue(forKey: runs[nextFound].range.lowerBound) {
            for (index, found) in zip(runs[nextFound].range, found) { append(found, of: index) }
            statedBytes -= runs[nextFound].bytes
            nextFound += 1
        }
        if nextFound == runs.count { close() }
    }

    private mutating func append(_ found: KinesisEnvelopes.Found?, of index: Int) {
        if let open, (open.found == nil) != (found == nil) || !envelopes.isSameShard(index, index - 1) {
            close()
        }
        var piece = open.take() ?? Piece(range: index..<index, found: found.map { _ in [] })
        piece.range = piece.range.lowerBound..<index + 1
        if let found {
            piece.found?.append(found)
            piece.bytes += found.lines.bytes
        }
        open = piece
        if piece.bytes >= closingBytes { close() }
    }

    /// Large pieces first and small ones at the end, so that all cores have work until the end.
    private var closingBytes: Int {
        max(Self.leastPiece, min(BatchBuilder.closingBytes, statedBytes / cores))
    }

    private mutating func close() {
        guard let piece = open.take() else { return }
        closed.append(piece)
    }

    private mutating func setHurry(_ now: ContinuousClock.Instant) {
        hurry = deadline.map { $0 - max(.zero, now.duration(to: $0)) / 2 }
    }
}
