"""What somebody did, or was refused, comes in; a journal that can be read, exported and proved unaltered goes out."""
