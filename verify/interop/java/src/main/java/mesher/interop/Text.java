package mesher.interop;

/** The body of a call. */
public class Text {
    public String text;
}
