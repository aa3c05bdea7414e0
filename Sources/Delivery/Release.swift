/// Which release this is.
public enum Release {
    /// The version that every executable of it tells.
    public static let version = "0.1.0"
}
