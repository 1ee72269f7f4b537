package mesher.interop;

/** What a consumer got. */
public class Call {
    public int status;
    public Object answer;
    public String error;
}
