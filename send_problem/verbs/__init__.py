"""What each verb does; imported only when the verb is called, to keep the start quick."""
