//! Who is asking: sessions and bearer tokens in, one principal out.
