import Meter
import Testing

@Suite("A quantity")
struct QuantityTests {
    @Test(
        "is written in one way",
        arguments: [
            ("0", "0"), ("-0", "0"), ("0.000", "0"), ("0e999999999999", "0"), ("1", "1"), ("1.0", "1"), ("1e0", "1"),
            ("1.50", "1.5"), ("100", "100"), ("1e3", "1000"), ("1.5e1", "15"), ("12.5e-1", "1.25"), ("1E+2", "100"),
            ("0.1", "0.1"), ("-0.10", "-0.1"), ("1e-30", "0.000000000000000000000000000001"),
            ("0.000000000000000000000000000001000", "0.000000000000000000000000000001"),
            ("999999999999999999999999999999999999", "999999999999999999999999999999999999"),
            ("-1e35", "-100000000000000000000000000000000000"),
            (
                "999999999999999999999999999999999999.999999999999999999999999999999",
                "999999999999999999999999999999999999.999999999999999999999999999999"
            ),
            ("0.\(String(repeating: "0", count: 400))1e401", "1"), ("1\(String(repeating: "0", count: 400))e-400", "1"),
            ("100.5000", "100.5"), ("18446744073709551616", "18446744073709551616"),
        ])
    func canonical(written: String, expected: String) {
        #expect(Quantity(written)?.text == expected)
    }

    @Test(
        "takes nothing but a JSON number in its range",
        arguments: [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x10", "1_000", " 1", "1 ", "1,5", "NaN", "Infinity", "--1",
            "1e36", "1000000000000000000000000000000000000", "1e-31", "0.0000000000000000000000000000001",
            "1e999999999999", "1e-999999999999", "٣", "1.2.3", "1e1.5",
        ])
    func refused(written: String) {
        #expect(Quantity(written) == nil)
    }

    @Test(
        "is rounded half to even where a binary float has more places than are kept",
        arguments: [
            ("1.5e-30", "0.000000000000000000000000000002"), ("2.5e-30", "0.000000000000000000000000000002"),
            ("2.5000000000000001e-30", "0.000000000000000000000000000003"),
            ("-3.5e-30", "-0.000000000000000000000000000004"), ("6e-31", "0.000000000000000000000000000001"),
            ("9.9999999999999999e-20", "0.0000000000000000001"),
            ("1.2345678901234567e-20", "0.000000000000000000012345678901"),
            ("9.9e-30", "0.00000000000000000000000000001"), ("5e-31", nil), ("4e-31", nil), ("9e-32", nil),
            ("1.23456789012345678e-20", nil),
        ])
    func rounding(written: String, expected: String?) {
        #expect(Quantity(written)?.text == expected)
    }

    @Test("is equal to itself written otherwise")
    func equality() {
        #expect(Quantity("1") == Quantity("1.00"))
        #expect(Quantity("1") == Quantity("10e-1"))
        #expect(Quantity("1") != Quantity("1.000000000000000000000000000001"))
    }

    @Test(
        "loses its fraction when it is truncated", arguments: [("1.9", 1), ("-1.9", -1), ("0.5", 0), ("12e2", 1_200)])
    func truncation(written: String, expected: Int64) {
        #expect(Quantity(written)?.truncated == expected)
    }

    @Test("of 400 digits is refused")
    func manyDigits() {
        #expect(Quantity(String(repeating: "9", count: 400)) == nil)
        #expect(Quantity("0." + String(repeating: "9", count: 400)) == nil)
    }
}
