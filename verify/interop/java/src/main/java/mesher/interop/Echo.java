package mesher.interop;

/** What a provider saw of a call; the same in every language of this suite. */
public class Echo {
    public String service;
    public String method;
    public String text;
    /** Who calls, as the SDK reads it. */
    public String caller;
    /** The field x-cse-context as it came. */
    public String context;
    /** What the caller put into the context under "user", as the SDK gives it. */
    public String user;
}
