import Collection
import Testing

@Suite("A spool")
struct ReceiptSpoolTests {
    @Test("gives lines in the order of time, whatever fits in memory", arguments: [1, 500, 4_000, 1 << 20])
    func order(pieceBytes: Int) throws {
        var spool = ReceiptSpool(pieceBytes: pieceBytes)
        let times = (0..<200).map { Int64(($0 * 7_919) % 101) - 20 }
        for (number, time) in times.enumerated() {
            let line = Array("\(time) \(number) \(String(repeating: "x", count: number * 10))".utf8)
            try spool.put(line, time: time)
        }
        var taken: [Int64] = []
        while let entry = try spool.take(before: 30) {
            #expect(String(decoding: entry.line, as: UTF8.self).hasPrefix("\(entry.time) "))
            taken.append(entry.time)
        }
        #expect(taken == times.filter { $0 < 30 }.sorted())
        while let entry = try spool.take(before: .max) { taken.append(entry.time) }
        #expect(taken == times.sorted())
    }

    @Test("is empty when nothing was put")
    func empty() throws {
        var spool = ReceiptSpool()
        let entry = try spool.take(before: .max)
        #expect(entry == nil)
    }
}
